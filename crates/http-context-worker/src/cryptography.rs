//! One provider of cryptography for all that speaks TLS in a worker.

use http_context::{BuildError, crypto_provider};
use rustls::crypto::CryptoProvider;

/// Installs the provider that sessions use for the process, unless it has one. The clients of Redis and of
/// collectors take it from nowhere else, and would panic.
pub(crate) fn install_provider() -> Result<(), BuildError> {
    let provider = crypto_provider()?;
    if CryptoProvider::get_default().is_none() {
        // Somebody else may have been faster, and then has the say.
        drop(CryptoProvider::clone(&provider).install_default());
    }
    Ok(())
}

//! Who does the cryptography of TLS: the process's choice before that of the features.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;

use crate::error::BuildError;

/// The provider of cryptography that sessions use for TLS, unless they are given a
/// [`Tls::Config`](crate::Tls::Config), which has its own.
///
/// It is the one that the process has installed ([`CryptoProvider::install_default`]); without one, that
/// of the feature `aws-lc-rs`, which is on by default, or else of `ring`. With the feature `ring` alone
/// no other provider is built. [`Tls::Shared`](crate::Tls::Shared) asks when the first session of the
/// process is built, or by [`warm_up`](crate::warm_up): install one before.
///
/// ```
/// use std::sync::Arc;
/// use http_context::rustls::{ClientConfig, RootCertStore};
///
/// # fn roots() -> RootCertStore { RootCertStore::empty() }
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // A configuration of one's own, by whichever provider the rest of the program uses.
/// let config = ClientConfig::builder_with_provider(http_context::crypto_provider()?)
///     .with_safe_default_protocol_versions()?
///     .with_root_certificates(roots())
///     .with_no_client_auth();
/// let options = http_context::builder().tls(http_context::Tls::Config(Arc::new(config)));
/// # drop(options);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// [`BuildError::NoCryptoProvider`] when neither feature is on and none is installed.
pub fn crypto_provider() -> Result<Arc<CryptoProvider>, BuildError> {
    if let Some(installed) = CryptoProvider::get_default() {
        return Ok(Arc::clone(installed));
    }
    let make = OF_FEATURES.ok_or(BuildError::NoCryptoProvider)?;
    Ok(Arc::new(make()))
}

/// Sees to it that a client which `reqwest` makes the TLS configuration of gets the same one. It takes the
/// installed one as well, and otherwise knows of `aws-lc-rs` only: without that, the one of `ring` has to
/// be installed, as `rustls` itself does it where it is not told which to use.
pub(super) fn provide_for_reqwest() -> Result<(), BuildError> {
    let provider = crypto_provider()?;
    if cfg!(not(feature = "aws-lc-rs")) && CryptoProvider::get_default().is_none() {
        // Somebody else may have been faster, and then has the say.
        drop(CryptoProvider::clone(&provider).install_default());
    }
    Ok(())
}

/// Makes that of the features, which `aws-lc-rs` leads, as in `reqwest`.
#[cfg(feature = "aws-lc-rs")]
const OF_FEATURES: Option<fn() -> CryptoProvider> =
    Some(rustls::crypto::aws_lc_rs::default_provider);
#[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
const OF_FEATURES: Option<fn() -> CryptoProvider> = Some(rustls::crypto::ring::default_provider);
#[cfg(not(any(feature = "aws-lc-rs", feature = "ring")))]
const OF_FEATURES: Option<fn() -> CryptoProvider> = None;

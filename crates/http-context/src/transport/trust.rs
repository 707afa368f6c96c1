//! The certificates that those of servers are checked against.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme};
use rustls_native_certs::{CertificateResult, load_certs_from_paths, load_native_certs};

use crate::error::BuildError;

const FILE: &str = "SSL_CERT_FILE";
const DIRECTORIES: &str = "SSL_CERT_DIR";

/// Those of the environment, else those of the system, else Mozilla's.
///
/// # Errors
///
/// When the environment names a store, and no certificate can be read from all that it names.
pub(super) fn roots() -> Result<RootCertStore, BuildError> {
    let (file, directories) = (set(FILE), set(DIRECTORIES));
    let file = file.map(|path| (FILE, path));
    let named = file.or(directories.map(|path| (DIRECTORIES, path)));
    let found = if named.is_some() || env::var_os(FILE).is_none() {
        load_native_certs()
    } else {
        // It would be read as a file without a name.
        of_the_system()
    };
    let mut roots = RootCertStore::empty();
    // What is wrong with a certificate, or with one file of several, is wrong with that one alone.
    roots.add_parsable_certificates(found.certs);
    if !roots.is_empty() {
        return Ok(roots);
    }
    if let Some((variable, path)) = named {
        return Err(BuildError::NoTrustRoots {
            variable,
            path: PathBuf::from(path),
        });
    }
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    Ok(roots)
}

/// The value of a variable that names something: not an empty one, nor a list of nothing.
fn set(variable: &str) -> Option<OsString> {
    let value = env::var_os(variable)?;
    let names_anything = env::split_paths(&value).any(|path| !path.as_os_str().is_empty());
    names_anything.then_some(value)
}

/// Where `rustls-native-certs` looks on these systems.
#[cfg(all(unix, not(any(target_os = "macos", http_context_no_unix))))]
fn of_the_system() -> CertificateResult {
    let likely = openssl_probe::probe();
    let mut found = load_certs_from_paths(likely.cert_file.as_deref(), None);
    for directory in &likely.cert_dir {
        let more = load_certs_from_paths(None, Some(directory));
        found.certs.extend(more.certs);
    }
    found
}

/// The stores of these systems are not files, and nothing else reads them: the bundled ones are used.
#[cfg(not(all(unix, not(any(target_os = "macos", http_context_no_unix)))))]
fn of_the_system() -> CertificateResult {
    load_certs_from_paths(None, None)
}

/// Refuses every server, with the reason.
#[derive(Debug)]
pub(super) struct TrustsNobody {
    reason: Arc<BuildError>,
    provider: Arc<CryptoProvider>,
}

impl TrustsNobody {
    pub(super) fn new(reason: BuildError, provider: Arc<CryptoProvider>) -> Self {
        Self {
            reason: Arc::new(reason),
            provider,
        }
    }

    fn refusal(&self) -> rustls::Error {
        rustls::Error::Other(OtherError(Arc::clone(&self.reason) as _))
    }
}

impl ServerCertVerifier for TrustsNobody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Err(self.refusal())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(self.refusal())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(self.refusal())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}

#[cfg(all(test, unix, not(any(target_os = "macos", http_context_no_unix))))]
mod tests {
    use std::fs;

    use super::*;

    /// Where distributions keep all of it in one file.
    const STORES: [&str; 4] = [
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/ssl/ca-bundle.pem",
        "/etc/ssl/cert.pem",
    ];

    #[test]
    fn the_store_of_the_system_is_found_where_none_is_named() {
        let named = env::var_os(FILE).map(PathBuf::from);
        let stores = named.into_iter().chain(STORES.map(PathBuf::from));
        let mut store = stores.filter_map(|path| fs::read_to_string(path).ok());
        // Systems without one have Mozilla's.
        let store = store.next().unwrap_or_default();
        let has = store.matches("BEGIN CERTIFICATE").count();
        let found = of_the_system().certs.len();
        assert!(found >= has, "{found} of {has}");
    }
}

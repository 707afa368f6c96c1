//! Trust roots and the one TLS configuration that all sessions of a process share.

use std::sync::{Arc, OnceLock};

use rustls::ClientConfig;

use super::provider::{crypto_provider, provide_for_reqwest};
use super::trust::{self, TrustsNobody};
use crate::error::BuildError;

/// Where a session gets its TLS set-up from.
///
/// The default reads the trust store once in the process, and lets sessions share the TLS
/// resumption tickets, which makes building a session a matter of microseconds.
///
/// ```no_run
/// use http_context::Tls;
/// use http_context::reqwest::{Certificate, ClientBuilder};
///
/// // One authority more than the system's, by the options of `reqwest`.
/// let authority = Certificate::from_pem(&std::fs::read("authority.pem")?)?;
/// let jobs = http_context::builder()
///     .tls(Tls::ClientBuilder)
///     .configure(move |client: ClientBuilder| client.tls_certs_merge([authority.clone()]));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Tls {
    /// One configuration for the process. Trust roots are those of `SSL_CERT_FILE` and
    /// `SSL_CERT_DIR` when either is set, else those of the system, else Mozilla's as bundled. One
    /// that is empty is as one that is not set. Where no certificate can be read from what they name,
    /// requests over TLS fail, as [`BuildError::NoTrustRoots`] says, and no others. The provider of
    /// cryptography is [`crypto_provider`](crate::crypto_provider).
    #[default]
    Shared,
    /// A configuration of your own: roots, client certificates, verifier. Its ALPN protocols are
    /// set by the session from the HTTP versions that it may use. It has a provider of cryptography of
    /// its own, and needs no other.
    Config(Arc<ClientConfig>),
    /// Left to [`reqwest::ClientBuilder`]: the TLS options set in
    /// [`SessionOptions::configure`](crate::SessionOptions::configure) apply. Building a session
    /// then costs milliseconds, since `reqwest` reads the trust store for each client. The provider of
    /// cryptography is [`crypto_provider`](crate::crypto_provider); where that is the one of the feature
    /// `ring`, it is installed for the process, since `reqwest` takes it from nowhere else.
    ClientBuilder,
}

/// The HTTP versions that a session may use.
///
/// ```
/// use http_context::{HttpVersions, SessionOptions};
///
/// // No HTTP/2, also where the server offers it.
/// let options = SessionOptions::new().http_versions(HttpVersions::Http1);
/// # drop(options);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum HttpVersions {
    /// HTTP/1.1 and HTTP/2, as the server chooses in the TLS handshake; HTTP/1.1 without TLS.
    #[default]
    All,
    /// HTTP/1.1 only. A request takes some 1,200 instructions less, since none is kept to be sent again
    /// when a stream of HTTP/2 is refused.
    Http1,
    /// HTTP/2 only, also without TLS (prior knowledge).
    Http2,
}

impl HttpVersions {
    fn alpn(self) -> Vec<Vec<u8>> {
        let protocols: &[&[u8]] = match self {
            Self::All => &[b"h2", b"http/1.1"],
            Self::Http1 => &[b"http/1.1"],
            Self::Http2 => &[b"h2"],
        };
        protocols.iter().map(|protocol| protocol.to_vec()).collect()
    }
}

impl Tls {
    /// The configuration to hand to `reqwest`, or `None` where `reqwest` makes its own.
    pub(crate) fn client_config(
        &self,
        versions: HttpVersions,
    ) -> Result<Option<ClientConfig>, BuildError> {
        // A clone of a configuration is a handful of reference counts; the session cache and the
        // roots stay shared.
        let mut config = match self {
            Self::Shared => shared()?.config.clone(),
            Self::Config(config) => ClientConfig::clone(config),
            Self::ClientBuilder => {
                provide_for_reqwest()?;
                return Ok(None);
            }
        };
        config.alpn_protocols = versions.alpn();
        Ok(Some(config))
    }
}

/// Reads the trust store and makes the process's shared TLS configuration ready, so that the first
/// session does not pay the milliseconds that it takes.
///
/// # Errors
///
/// When `SSL_CERT_FILE` or `SSL_CERT_DIR` is set and no certificate can be read from it, and
/// [`BuildError::NoCryptoProvider`] as of [`crypto_provider`](crate::crypto_provider).
///
/// ```
/// // At start-up, so that the first job does not wait for the trust store.
/// http_context::warm_up()?;
/// # Ok::<(), http_context::BuildError>(())
/// ```
pub fn warm_up() -> Result<(), BuildError> {
    shared()?.unreadable.clone().map_or(Ok(()), Err)
}

struct Shared {
    config: ClientConfig,
    /// Why no server is trusted: every request that needs it fails with this, and no other does.
    unreadable: Option<BuildError>,
}

fn shared() -> Result<&'static Shared, BuildError> {
    // A failure is remembered as well: the environment of a process does not mend itself.
    static SHARED: OnceLock<Result<Shared, BuildError>> = OnceLock::new();
    if let Some(shared) = SHARED.get() {
        return shared.as_ref().map_err(Clone::clone);
    }
    // One that is missing is not remembered: it may be installed a moment later.
    let provider = crypto_provider()?;
    SHARED
        .get_or_init(|| {
            let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
                .with_safe_default_protocol_versions()
                .map_err(|error| BuildError::Tls(Arc::new(error)))?;
            let (builder, unreadable) = match trust::roots() {
                Ok(roots) => (builder.with_root_certificates(roots), None),
                Err(error) => {
                    let refuses = Arc::new(TrustsNobody::new(error.clone(), provider));
                    let builder = builder.dangerous();
                    let builder = builder.with_custom_certificate_verifier(refuses);
                    (builder, Some(error))
                }
            };
            Ok(Shared {
                config: builder.with_no_client_auth(),
                unreadable,
            })
        })
        .as_ref()
        .map_err(Clone::clone)
}

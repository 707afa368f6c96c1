//! Certificates for the test servers: one authority for the process, made when
//! it is first asked for.

use std::sync::{Arc, LazyLock};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer},
};

/// What is wrong, if anything, with the certificate that a server shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Leaf {
    /// Nothing: `localhost`, `127.0.0.1` and `::1`, by the [trusted](ca_pem)
    /// authority.
    #[default]
    Valid,
    /// It is for `elsewhere.test`.
    WrongName,
    /// It ran out in 2001.
    Expired,
    /// An authority signed it that nobody trusts.
    UnknownIssuer,
}

/// An authority that signs leaves.
type Authority = CertifiedIssuer<'static, KeyPair>;

static TRUSTED: LazyLock<Authority> = LazyLock::new(|| authority("http-context tests"));
static STRANGER: LazyLock<Authority> = LazyLock::new(|| authority("nobody trusts this one"));

/// The authority's certificate in PEM, to be written where `SSL_CERT_FILE`
/// points.
pub fn ca_pem() -> String {
    TRUSTED.pem()
}

/// The authority's certificate in DER, for a [`rustls::RootCertStore`].
pub fn ca_der() -> CertificateDer<'static> {
    TRUSTED.der().clone()
}

/// The authority's certificate for
/// [`ClientBuilder::tls_certs_only`](reqwest::ClientBuilder::tls_certs_only).
///
/// # Panics
///
/// Never: the certificate was made by this module.
pub fn ca_certificate() -> reqwest::Certificate {
    reqwest::Certificate::from_der(TRUSTED.der()).expect("the authority is a valid certificate")
}

/// A client that trusts the authority, and nothing else.
pub fn trusting(client: reqwest::ClientBuilder) -> reqwest::ClientBuilder {
    client.tls_certs_only([ca_certificate()])
}

/// A TLS configuration for a client that trusts the authority, and nothing else.
pub fn client_config() -> Arc<ClientConfig> {
    client_config_trusting(ca_der())
}

/// A TLS configuration for a client that trusts this authority, and nothing
/// else.
///
/// # Panics
///
/// When it is no certificate of an authority.
pub fn client_config_trusting(authority: CertificateDer<'static>) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots
        .add(authority)
        .expect("the certificate is one of an authority");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider supports the default versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

/// A server's configuration with a certificate of the given sort.
pub(crate) fn server_config(leaf: Leaf, alpn: &[&[u8]]) -> Arc<ServerConfig> {
    let (chain, key) = issue(leaf);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider supports the default versions")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("the key belongs to the certificate");
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    Arc::new(config)
}

fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    CertifiedIssuer::self_signed(params, key()).expect("the parameters make a certificate")
}

fn issue(leaf: Leaf) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let names: &[&str] = match leaf {
        Leaf::WrongName => &["elsewhere.test"],
        Leaf::Valid | Leaf::Expired | Leaf::UnknownIssuer => &["localhost", "127.0.0.1", "::1"],
    };
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names).expect("the names are valid");
    if leaf == Leaf::Expired {
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(2001, 1, 1);
    }
    let issuer: &Authority = match leaf {
        Leaf::UnknownIssuer => &STRANGER,
        Leaf::Valid | Leaf::WrongName | Leaf::Expired => &TRUSTED,
    };
    let key = key();
    let certificate = params
        .signed_by(&key, issuer)
        .expect("the authority can sign");
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("the key is PKCS #8");
    (vec![certificate.der().clone()], key)
}

fn key() -> KeyPair {
    KeyPair::generate().expect("a key can be generated")
}

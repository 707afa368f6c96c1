//! A TLS configuration for a client that never connects.
//!
//! `reqwest` makes no client without one, and `rustls` none without a provider of cryptography that names
//! at least one cipher suite. Requests are built before anybody needs to know whether the process has a
//! provider: this one has names, no cryptography, and refuses whatever is asked of it.

use std::sync::Arc;

use rustls::crypto::cipher::{
    AeadKey, Iv, MessageDecrypter, MessageEncrypter, Tls13AeadAlgorithm, UnsupportedOperationError,
};
use rustls::crypto::hash::{self, HashAlgorithm};
use rustls::crypto::tls13::HkdfUsingHmac;
use rustls::crypto::{
    ActiveKeyExchange, CipherSuiteCommon, CryptoProvider, GetRandomFailed, KeyProvider,
    SecureRandom, SupportedKxGroup, WebPkiSupportedAlgorithms, hmac,
};
use rustls::pki_types::PrivateKeyDer;
use rustls::sign::SigningKey;
use rustls::{
    CipherSuite, ClientConfig, ConnectionTrafficSecrets, Error, NamedGroup, RootCertStore,
    SupportedCipherSuite, Tls13CipherSuite, version,
};

/// It trusts nobody, and cannot even begin a handshake.
pub(super) fn client_config() -> ClientConfig {
    let provider = CryptoProvider {
        cipher_suites: vec![SupportedCipherSuite::Tls13(&SUITE)],
        kx_groups: vec![&Nothing],
        signature_verification_algorithms: WebPkiSupportedAlgorithms {
            all: &[],
            mapping: &[],
        },
        secure_random: &Nothing,
        key_provider: &Nothing,
    };
    ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&version::TLS13])
        .expect("a suite of this version and a group are named")
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth()
}

static SUITE: Tls13CipherSuite = Tls13CipherSuite {
    common: CipherSuiteCommon {
        suite: CipherSuite::TLS13_AES_128_GCM_SHA256,
        hash_provider: &Nothing,
        confidentiality_limit: 0,
    },
    hkdf_provider: &HkdfUsingHmac(&Nothing),
    aead_alg: &Nothing,
    quic: None,
};

/// Why the methods below that cannot fail are never called.
const UNREACHABLE: &str = "no handshake begins, since there are no random numbers and no keys";

#[derive(Debug)]
struct Nothing;

impl SecureRandom for Nothing {
    fn fill(&self, _: &mut [u8]) -> Result<(), GetRandomFailed> {
        Err(GetRandomFailed)
    }
}

impl SupportedKxGroup for Nothing {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        Err(Error::FailedToGetRandomBytes)
    }

    fn name(&self) -> NamedGroup {
        NamedGroup::X25519
    }
}

impl KeyProvider for Nothing {
    fn load_private_key(&self, _: PrivateKeyDer<'static>) -> Result<Arc<dyn SigningKey>, Error> {
        Err(Error::FailedToGetRandomBytes)
    }
}

impl hash::Hash for Nothing {
    fn start(&self) -> Box<dyn hash::Context> {
        unreachable!("{UNREACHABLE}")
    }

    fn hash(&self, _: &[u8]) -> hash::Output {
        unreachable!("{UNREACHABLE}")
    }

    fn output_len(&self) -> usize {
        32
    }

    fn algorithm(&self) -> HashAlgorithm {
        HashAlgorithm::SHA256
    }
}

impl hmac::Hmac for Nothing {
    fn with_key(&self, _: &[u8]) -> Box<dyn hmac::Key> {
        unreachable!("{UNREACHABLE}")
    }

    fn hash_output_len(&self) -> usize {
        32
    }
}

impl Tls13AeadAlgorithm for Nothing {
    fn encrypter(&self, _: AeadKey, _: Iv) -> Box<dyn MessageEncrypter> {
        unreachable!("{UNREACHABLE}")
    }

    fn decrypter(&self, _: AeadKey, _: Iv) -> Box<dyn MessageDecrypter> {
        unreachable!("{UNREACHABLE}")
    }

    fn key_len(&self) -> usize {
        16
    }

    fn extract_keys(
        &self,
        _: AeadKey,
        _: Iv,
    ) -> Result<ConnectionTrafficSecrets, UnsupportedOperationError> {
        Err(UnsupportedOperationError)
    }
}

#[cfg(test)]
mod tests {
    use rustls::ClientConnection;

    use super::*;

    #[test]
    fn no_handshake_begins() {
        let name = "localhost".try_into().unwrap();
        let begun = ClientConnection::new(Arc::new(client_config()), name);
        let error = begun.unwrap_err();
        assert!(matches!(error, Error::FailedToGetRandomBytes), "{error:?}");
    }
}

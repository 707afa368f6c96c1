//! A server over TLS for one connection, which remembers what the client offered.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::Acceptor;
use rustls::{CipherSuite, NamedGroup, ServerConfig};
use tempfile::TempDir;

/// What a client offers.
pub(crate) struct Hello {
    pub(crate) suites: Vec<CipherSuite>,
    #[cfg_attr(
        not(any(feature = "aws-lc-rs", feature = "ring")),
        expect(
            dead_code,
            reason = "what only the providers of features are told apart by"
        )
    )]
    pub(crate) groups: Vec<NamedGroup>,
}

pub(crate) struct Server {
    pub(crate) url: String,
    /// The file of the authority to trust.
    pub(crate) authority: PathBuf,
    thread: JoinHandle<Hello>,
    _dir: TempDir,
}

impl Server {
    pub(crate) fn start() -> Self {
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority =
            CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let leaf = leaf.signed_by(&key, &authority).unwrap();
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let config = ServerConfig::builder_with_provider(Arc::new(provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], key)
            .unwrap();
        let dir = TempDir::new().unwrap();
        let file = dir.path().join("authority.pem");
        std::fs::write(&file, authority.pem()).unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        Self {
            url: format!("https://localhost:{port}/"),
            authority: file,
            thread: std::thread::spawn(move || serve(&listener, Arc::new(config))),
            _dir: dir,
        }
    }

    /// What the client offered, once its connection has ended.
    pub(crate) fn hello(self) -> Hello {
        self.thread.join().unwrap()
    }
}

fn serve(listener: &TcpListener, config: Arc<ServerConfig>) -> Hello {
    let (mut socket, _) = listener.accept().unwrap();
    let mut acceptor = Acceptor::default();
    let accepted = loop {
        acceptor.read_tls(&mut socket).unwrap();
        if let Some(accepted) = acceptor.accept().map_err(|(error, _)| error).unwrap() {
            break accepted;
        }
    };
    let hello = accepted.client_hello();
    let hello = Hello {
        suites: hello.cipher_suites().to_vec(),
        groups: hello.named_groups().unwrap_or_default().to_vec(),
    };
    let mut connection = accepted
        .into_connection(config)
        .map_err(|(error, _)| error)
        .unwrap();
    let mut stream = rustls::Stream::new(&mut connection, &mut socket);
    // A client that trusts nobody reads no answer.
    let mut request = Vec::new();
    let mut bytes = [0; 1024];
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read(&mut bytes) {
            Ok(0) | Err(_) => return hello,
            Ok(read) => request.extend_from_slice(&bytes[..read]),
        }
    }
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello";
    stream.write_all(answer).unwrap();
    stream.flush().unwrap();
    hello
}

#[cfg(feature = "aws-lc-rs")]
fn provider() -> CryptoProvider {
    rustls::crypto::aws_lc_rs::default_provider()
}

#[cfg(not(feature = "aws-lc-rs"))]
fn provider() -> CryptoProvider {
    rustls::crypto::ring::default_provider()
}

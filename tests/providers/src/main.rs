//! Sends one request over TLS and prints the answer, or why there is none.
//!
//! `send URL [WORD…]`, where a word is one of
//!
//! - `install`: installs a provider for the process before, that offers [`INSTALLED`] and no other suite
//! - `install-late`: the same after the request has failed, which is then sent again
//! - `config`: gives the context a TLS configuration that offers [`CONFIGURED`] and no other suite
//! - `client-builder`: leaves the TLS configuration to `reqwest`

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;

use http_context::{Tls, http_session};
use rustls::crypto::CryptoProvider;
use rustls::{CipherSuite, ClientConfig, RootCertStore};

const INSTALLED: CipherSuite = CipherSuite::TLS13_CHACHA20_POLY1305_SHA256;
const CONFIGURED: CipherSuite = CipherSuite::TLS13_AES_256_GCM_SHA384;

type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main(flavor = "current_thread")]
#[expect(
    clippy::print_stdout,
    reason = "the answer is what this program is for"
)]
#[expect(clippy::print_stderr, reason = "so is what went wrong")]
async fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(url) = arguments.next() else {
        eprintln!("send URL [install | install-late | config | client-builder]…");
        return ExitCode::FAILURE;
    };
    let words: Vec<String> = arguments.collect();
    let has = |word: &str| words.iter().any(|given| given == word);
    if has("install") {
        install();
    }
    let tls = || match (has("config"), has("client-builder")) {
        (true, _) => Tls::Config(Arc::new(trusts_nobody())),
        (false, true) => Tls::ClientBuilder,
        (false, false) => Tls::Shared,
    };
    let mut answer = send(&url, tls()).await;
    if let Err(error) = &answer
        && has("install-late")
    {
        eprintln!("at first: {}", chain(&**error));
        install();
        answer = send(&url, tls()).await;
    }
    match answer {
        Ok(answer) => {
            println!("{answer}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{}", chain(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn send(url: &str, tls: Tls) -> Result<String, Failure> {
    http_context::builder()
        .tls(tls)
        .open(async {
            // Building it asks for no provider, and sending it does.
            let request = http_session()?.get(url);
            Ok::<_, Failure>(request.send().await?.text().await?)
        })
        .await
}

fn install() {
    // Nobody else does it here.
    drop(only(INSTALLED).install_default());
}

fn trusts_nobody() -> ClientConfig {
    ClientConfig::builder_with_provider(Arc::new(only(CONFIGURED)))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("the suite is one of that version")
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth()
}

/// A provider that offers one suite.
fn only(suite: CipherSuite) -> CryptoProvider {
    let mut provider = at_hand();
    provider.cipher_suites.retain(|each| each.suite() == suite);
    provider
}

#[cfg(feature = "aws-lc-rs")]
fn at_hand() -> CryptoProvider {
    rustls::crypto::aws_lc_rs::default_provider()
}

#[cfg(all(
    any(feature = "ring", feature = "installed"),
    not(feature = "aws-lc-rs")
))]
fn at_hand() -> CryptoProvider {
    rustls::crypto::ring::default_provider()
}

#[cfg(not(any(feature = "aws-lc-rs", feature = "ring", feature = "installed")))]
fn at_hand() -> CryptoProvider {
    panic!("this program is built with no provider at all")
}

/// An error and its causes.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

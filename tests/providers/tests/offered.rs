//! What a server sees of the provider that a program uses: the suites and the groups that it offers.
#![cfg(any(feature = "aws-lc-rs", feature = "ring", feature = "installed"))]
#![allow(clippy::unwrap_used, reason = "tests")]

mod server;

use std::process::{Command, Output};

use rustls::CipherSuite;
#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
use rustls::NamedGroup;

use self::server::{Hello, Server};

const INSTALLED: CipherSuite = CipherSuite::TLS13_CHACHA20_POLY1305_SHA256;
const CONFIGURED: CipherSuite = CipherSuite::TLS13_AES_256_GCM_SHA384;
/// `rustls` offers it with each list, as a sign that it renegotiates nothing.
const SIGN: CipherSuite = CipherSuite::TLS_EMPTY_RENEGOTIATION_INFO_SCSV;

/// The program, which trusts this server.
fn send(server: &Server, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_send"))
        .arg(&server.url)
        .args(words)
        .env("SSL_CERT_FILE", &server.authority)
        .env_remove("SSL_CERT_DIR")
        .output()
        .unwrap()
}

/// What the server saw of a program that got its answer.
fn offered(words: &[&str]) -> Hello {
    let server = Server::start();
    let done = send(&server, words);
    assert_eq!(
        String::from_utf8_lossy(&done.stdout),
        "hello\n",
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    server.hello()
}

fn suites(hello: &Hello) -> Vec<CipherSuite> {
    let suites = hello.suites.iter().copied();
    suites.filter(|suite| *suite != SIGN).collect()
}

/// Of the two, `aws-lc-rs` alone knows this group.
#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
#[test]
fn the_provider_is_that_of_the_feature_and_with_both_it_is_aws_lc_rs() {
    for words in [&[][..], &["client-builder"]] {
        let hello = offered(words);
        assert!(hello.groups.contains(&NamedGroup::X25519));
        let has_hybrid = hello.groups.contains(&NamedGroup::X25519MLKEM768);
        assert_eq!(has_hybrid, cfg!(feature = "aws-lc-rs"), "{words:?}");
        assert!(suites(&hello).len() > 1, "{words:?}");
    }
}

#[test]
fn the_provider_that_the_process_has_installed_comes_before_that_of_the_feature() {
    for words in [&["install"][..], &["install", "client-builder"]] {
        assert_eq!(suites(&offered(words)), [INSTALLED], "{words:?}");
    }
}

/// It trusts nobody, and so there is no answer.
#[test]
fn the_provider_of_a_configuration_of_ones_own_comes_before_an_installed_one() {
    let server = Server::start();
    let done = send(&server, &["install", "config"]);
    assert!(!done.status.success());
    assert_eq!(suites(&server.hello()), [CONFIGURED]);
}

#[cfg(not(any(feature = "aws-lc-rs", feature = "ring")))]
#[test]
fn a_request_with_no_provider_fails_and_says_what_to_do() {
    let server = Server::start();
    for words in [&[][..], &["client-builder"]] {
        let done = send(&server, words);
        let said = String::from_utf8(done.stderr).unwrap();
        assert!(!done.status.success());
        assert!(
            said.contains(
                "there is no provider of cryptography for TLS: enable the feature `aws-lc-rs` or `ring` of \
                 http-context, or call `rustls::crypto::CryptoProvider::install_default` before the first \
                 session, or give the context a `Tls::Config`"
            ),
            "{words:?}: {said}"
        );
        assert!(!said.contains("panicked"), "{said}");
    }
}

#[cfg(not(any(feature = "aws-lc-rs", feature = "ring")))]
#[test]
fn a_provider_that_is_installed_after_one_was_missing_is_used() {
    for words in [&["install-late"][..], &["install-late", "client-builder"]] {
        assert_eq!(suites(&offered(words)), [INSTALLED], "{words:?}");
    }
}

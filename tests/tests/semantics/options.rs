//! Options of a context reach its client.

use http_context::{HttpVersions, builder, http_session};
use http_context_tests::{Server, tls};
use reqwest::{Proxy, Version, redirect};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

#[tokio::test]
async fn every_option_of_the_client_builder_can_be_reached() {
    let server = Server::start();
    builder()
        .configure(|client| client.user_agent("a test").referer(false))
        .open(async {
            http_session()?
                .get(server.url("/ok"))
                .send()
                .await?
                .bytes()
                .await?;
            Ok::<_, BoxError>(())
        })
        .await
        .unwrap();
    assert_eq!(server.seen()[0].headers["user-agent"], "a test");
}

#[tokio::test]
async fn the_proxy_is_the_one_that_was_set() {
    let proxy = Server::start();
    builder()
        .proxy(Proxy::http(proxy.url("/")).unwrap())
        .open(async {
            let response = http_session()?.get("http://example.test/ok").send().await?;
            assert_eq!(response.text().await?, "ok");
            Ok::<_, BoxError>(())
        })
        .await
        .unwrap();
    assert_eq!(proxy.seen()[0].uri, "http://example.test/ok");
}

#[tokio::test]
async fn the_redirect_policy_is_the_one_that_was_set() {
    let server = Server::start();
    let statuses = async |builder: http_context::ContextBuilder| {
        builder
            .open(async {
                let response = http_session()?
                    .get(server.url("/redirect/2"))
                    .send()
                    .await?;
                Ok::<_, BoxError>(response.status().as_u16())
            })
            .await
    };
    assert_eq!(statuses(builder()).await.unwrap(), 200);
    assert_eq!(
        statuses(builder().redirect(redirect::Policy::none()))
            .await
            .unwrap(),
        302
    );
    assert!(
        statuses(builder().redirect(redirect::Policy::limited(1)))
            .await
            .is_err()
    );
}

#[tokio::test]
async fn the_http_versions_are_those_that_were_set() {
    let server = Server::builder().tls().start();
    let config = rustls::ClientConfig::builder_with_provider(std::sync::Arc::new(
        rustls::crypto::aws_lc_rs::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .unwrap()
    .with_root_certificates({
        let mut roots = rustls::RootCertStore::empty();
        roots.add(tls::ca_der()).unwrap();
        roots
    })
    .with_no_client_auth();
    let tls = http_context::Tls::Config(std::sync::Arc::new(config));
    for (versions, expected) in [
        (HttpVersions::All, Version::HTTP_2),
        (HttpVersions::Http1, Version::HTTP_11),
        (HttpVersions::Http2, Version::HTTP_2),
    ] {
        builder()
            .tls(tls.clone())
            .http_versions(versions)
            .open(async {
                let response = http_session()?.get(server.url("/ok")).send().await?;
                assert_eq!(response.version(), expected);
                response.bytes().await?;
                Ok::<_, BoxError>(())
            })
            .await
            .unwrap();
    }
}

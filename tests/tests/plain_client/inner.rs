//! The client inside of the one of `reqwest_middleware` says what to use instead.

use http_context::http_session;
use http_context_tests::{RefusedPort, Server};
use reqwest_retry::Retryable;

use crate::rig::Wire;
use crate::{context, sources};

/// All texts of an error and its sources.
fn texts(error: &reqwest::Error) -> String {
    sources(error)
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

#[tokio::test]
async fn it_fails_at_once_and_names_what_to_use() {
    let (server, refused) = (Server::start(), RefusedPort::new());
    let work = context(Wire::Http1).open(async {
        let client = http_session()?.client();
        let inner: &reqwest::Client = client.as_ref();
        for url in [
            server.url("/ok"),
            format!("http://{}/", refused.addr()),
            "https://no.such.host.invalid/".to_owned(),
        ] {
            let mut sending = Box::pin(inner.get(url).send());
            // Nothing is waited for: no name, no connection, no time.
            let error = futures_util::future::poll_immediate(&mut sending).await;
            let error = error.expect("it is ready at its first poll").unwrap_err();
            for way_out in [
                "`HttpSession::reqwest_client()`",
                "`ClientWithMiddleware`",
                "`tower::Service`",
                "`http-context-adapters`",
            ] {
                assert!(texts(&error).contains(way_out), "{}", texts(&error));
            }
            // What `reqwest` makes of any error of a connector. Whoever goes by this retries it: an
            // error that is fatal to them is not to be had from there.
            assert!(error.is_connect() && !error.is_timeout());
            let retried = reqwest_retry::default_on_request_failure(&error.into());
            assert!(matches!(retried, Some(Retryable::Transient)));
        }
        client.get(server.url("/ok")).send().await?.text().await?;
        Ok::<_, crate::BoxError>(())
    });
    let (result, report) = work.with_report().await;
    result.unwrap();
    assert!(report.unwrap().is_clean());
    assert_eq!(server.counts().requests, 1);
}

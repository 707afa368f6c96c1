//! One request of each kind of end, and what its span ought to say.

use std::sync::Arc;

use http_context::{OpenError, http_session};
use http_context_middleware::{Instrumentation, UrlTemplate};
use http_context_tests::{RefusedPort, Server};
use opentelemetry_semantic_conventions::attribute as semconv;

/// One request of each kind of end.
pub(super) async fn each_end(
    instrumentation: &Arc<Instrumentation>,
    server: &Server,
    refused: &RefusedPort,
) {
    let context = http_context::builder()
        .observer(Arc::<Instrumentation>::clone(instrumentation))
        .configure(reqwest::ClientBuilder::no_proxy);
    let work = context.open(async {
        let session = http_session().unwrap();
        for path in ["/ok", "/status/404", "/status/503", "/redirect/2"] {
            let response = session.get(server.url(path)).send().await.unwrap();
            response.bytes().await.unwrap();
        }
        let templated = session.get(server.url("/bytes/7")).send();
        templated.await.unwrap().bytes().await.unwrap();
        let templated = session.post(server.url("/echo")).body("body");
        let templated = templated.with_extension(UrlTemplate::new("/{echo}"));
        templated.send().await.unwrap().bytes().await.unwrap();
        let purge = reqwest::Method::from_bytes(b"PURGE").unwrap();
        let response = session.request(purge, server.url("/ok")).send().await;
        response.unwrap().bytes().await.unwrap();
        let url = format!("http://{}/refused", refused.addr());
        session.get(url).send().await.unwrap_err();
        tokio::select! {
            _ = session.get(server.url("/never")).send() => unreachable!("it never answers"),
            _ = server.wait_until(|counts| counts.held == 1) => {}
        }
        Ok::<_, OpenError>(())
    });
    work.await.unwrap();
    while !instrumentation.ledger().connections().is_empty() {
        tokio::task::yield_now().await;
    }
}

/// What a span of a request ought to say.
pub(super) struct Expected {
    pub(super) path: &'static str,
    pub(super) name: &'static str,
    pub(super) method: &'static str,
    pub(super) status: Option<&'static str>,
    pub(super) error: Option<&'static str>,
    /// Beside those that every one has, and those of a response.
    pub(super) more: &'static [(&'static str, &'static str)],
}

pub(super) const SPANS: &[Expected] = &[
    Expected {
        path: "/ok",
        name: "GET",
        method: "GET",
        status: Some("200"),
        error: None,
        more: &[],
    },
    Expected {
        path: "/status/404",
        name: "GET",
        method: "GET",
        status: Some("404"),
        error: Some("404"),
        more: &[],
    },
    Expected {
        path: "/status/503",
        name: "GET",
        method: "GET",
        status: Some("503"),
        error: Some("503"),
        more: &[],
    },
    Expected {
        path: "/redirect/2",
        name: "GET",
        method: "GET",
        status: Some("200"),
        error: None,
        more: &[(semconv::HTTP_REQUEST_RESEND_COUNT, "2")],
    },
    Expected {
        path: "/bytes/7",
        name: "GET",
        method: "GET",
        status: Some("200"),
        error: None,
        more: &[],
    },
    Expected {
        path: "/echo",
        name: "POST /{echo}",
        method: "POST",
        status: Some("200"),
        error: None,
        more: &[(semconv::URL_TEMPLATE, "/{echo}")],
    },
    Expected {
        path: "/ok",
        name: "HTTP",
        method: "_OTHER",
        status: Some("200"),
        error: None,
        more: &[(semconv::HTTP_REQUEST_METHOD_ORIGINAL, "PURGE")],
    },
    Expected {
        path: "/refused",
        name: "GET",
        method: "GET",
        status: None,
        error: Some("connection_error"),
        more: &[],
    },
    Expected {
        path: "/never",
        name: "GET",
        method: "GET",
        status: None,
        error: None,
        more: &[],
    },
];

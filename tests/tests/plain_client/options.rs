//! A plain client has the options of its session.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use http::{HeaderMap, HeaderValue, Version, header};
use http_context::testing::Fact;
use http_context::{BuildError, ContextBuilder, HttpVersions, SessionError, http_session};
use http_context_tests::{Server, sockets};
use reqwest::Proxy;
use reqwest::cookie::{CookieStore as _, Jar};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::rig::Wire;
use crate::{context, find, get, recorded, run};

/// Every name is that of one server.
struct All(SocketAddr);

impl Resolve for All {
    fn resolve(&self, _: Name) -> Resolving {
        let addresses = Box::new(std::iter::once(self.0)) as Addrs;
        Box::pin(std::future::ready(Ok(addresses)))
    }
}

/// The origins of the connections that a plain client makes for one request.
async fn origins(
    context: impl FnOnce(ContextBuilder) -> ContextBuilder,
    url: String,
) -> Vec<String> {
    let (recorder, builder) = recorded(Wire::Http1);
    let ((), report) = run(&context(builder), async |session| {
        assert_eq!(get(&session.reqwest_client()?, url).await?, "ok");
        Ok(())
    })
    .await;
    assert!(report.is_clean(), "{report}");
    recorder.all(|fact| match fact {
        Fact::PlainConnectionOpened { connection, .. } => {
            let origin = &connection.origin;
            Some(format!("{}://{origin}", origin.scheme()))
        }
        _ => None,
    })
}

#[tokio::test]
async fn headers_and_the_agent_are_sent() {
    let server = Server::start();
    let value = HeaderValue::from_static("of the session");
    let headers = HeaderMap::from_iter([(header::ACCEPT_LANGUAGE, value)]);
    let context = context(Wire::Http1)
        .default_headers(headers)
        .configure(|client| client.user_agent("sdk/1.0"));
    run(&context, async |session| {
        let client = session.reqwest_client()?;
        get(&client, server.url("/ok")).await?;
        let own = client
            .get(server.url("/ok"))
            .header(header::ACCEPT_LANGUAGE, "own");
        own.send().await?.bytes().await?;
        Ok(())
    })
    .await;
    let seen = server.seen();
    assert_eq!(seen[0].headers[header::ACCEPT_LANGUAGE], "of the session");
    assert_eq!(seen[1].headers[header::ACCEPT_LANGUAGE], "own");
    assert_eq!(seen[0].headers[header::USER_AGENT], "sdk/1.0");
}

#[tokio::test]
async fn it_resolves_as_the_session_does_and_its_connections_are_to_the_name() {
    let server = Server::start();
    let resolver = Arc::new(All(server.addr()));
    let url = server.url_at("example.test", "/ok");
    let origins = origins(|builder| builder.dns_resolver(resolver), url).await;
    let port = server.addr().port();
    assert_eq!(origins, [format!("http://example.test:{port}")]);
}

#[tokio::test]
async fn through_a_proxy_the_origin_is_where_the_request_goes() {
    let proxy = Server::builder()
        .handler("http://example.test/ok", |_| async {
            http::Response::new(http_context_tests::full_body("ok"))
        })
        .handler("/ok", |_| async {
            http::Response::new(http_context_tests::full_body("ok"))
        })
        .start();
    let url = || "http://example.test/ok".to_owned();
    let to_proxy = Proxy::http(proxy.url("/")).unwrap();
    let own = to_proxy.clone();
    let of_the_session = origins(|builder| builder.proxy(own), url()).await;
    assert_eq!(of_the_session, ["http://example.test:80"]);
    // Asked before the one that was set first.
    let own = to_proxy.clone();
    let configured = origins(|b| b.configure(move |c| c.proxy(own.clone())), url()).await;
    assert_eq!(configured, ["http://example.test:80"]);
    // All that were there are gone, so nobody is asked: it is the peer.
    let replaced = |b: ContextBuilder| b.configure(move |c| c.no_proxy().proxy(to_proxy.clone()));
    let replaced = origins(replaced, url()).await;
    assert_eq!(replaced, [format!("://{}", proxy.addr())]);
}

#[tokio::test]
async fn where_configure_wants_no_proxy_the_origin_is_known() {
    let server = Server::start();
    let origins = origins(
        |b| b.configure(reqwest::ClientBuilder::no_proxy),
        server.url("/ok"),
    );
    assert_eq!(origins.await, [format!("http://{}", server.addr())]);
}

#[tokio::test]
async fn cookies_are_those_of_the_session() {
    let server = Server::builder()
        .handler("/set", |_| async {
            let response = http::Response::builder().header(header::SET_COOKIE, "a=b");
            response.body(http_context_tests::empty_body()).unwrap()
        })
        .start();
    let jar = Arc::new(Jar::default());
    let context = context(Wire::Http1).cookie_provider(Arc::clone(&jar));
    run(&context, async |session| {
        let client = session.reqwest_client()?;
        get(&client, server.url("/set")).await?;
        session.get(server.url("/ok")).send().await?.bytes().await?;
        get(&client, server.url("/ok")).await?;
        Ok(())
    })
    .await;
    for seen in &server.seen()[1..] {
        assert_eq!(seen.headers[header::COOKIE], "a=b");
    }
    assert!(jar.cookies(&server.url("/").parse().unwrap()).is_some());
}

#[tokio::test]
async fn limits_of_time_hold() {
    let server = Server::start();
    let short = Duration::from_millis(30);
    for context in [
        context(Wire::Http1).request_timeout(short),
        context(Wire::Http1).read_timeout(short),
        context(Wire::Http1).configure(move |client| client.timeout(short)),
    ] {
        let ((), report) = run(&context, async |session| {
            let client = session.reqwest_client()?;
            let late = get(&client, server.url("/never")).await.unwrap_err();
            assert!(late.is_timeout(), "{late:?}");
            Ok(())
        })
        .await;
        assert!(report.is_clean(), "{report}");
    }
}

#[tokio::test]
async fn http_versions_are_those_of_the_session() {
    let (clear, tls) = (Server::start(), Server::builder().tls().start());
    for (versions, server, version) in [
        (HttpVersions::All, &clear, Version::HTTP_11),
        (HttpVersions::All, &tls, Version::HTTP_2),
        (HttpVersions::Http1, &tls, Version::HTTP_11),
        (HttpVersions::Http2, &clear, Version::HTTP_2),
    ] {
        let context = context(Wire::Http1).http_versions(versions);
        run(&context, async |session| {
            let client = session.reqwest_client()?;
            let response = client.get(server.url("/ok")).send().await?;
            assert_eq!(response.version(), version);
            Ok(())
        })
        .await;
    }
}

#[tokio::test]
async fn as_many_connections_stay_idle_as_may_be_open_by_the_session() {
    let server = Server::start();
    let context = context(Wire::Http1).max_connections_per_host(2);
    run(&context, async |session| {
        let client = session.reqwest_client()?;
        let all: Vec<_> = (0..6)
            .map(|_| tokio::spawn(client.get(server.url("/slow-head")).send()))
            .collect();
        // No slot is taken.
        server.wait_until(|counts| counts.held == 6).await;
        server.gate().open();
        for response in join_all(all).await {
            response.unwrap()?.bytes().await?;
        }
        server.wait_until(|counts| counts.open() == 2).await;
        assert_eq!(sockets::to(server.addr()).len(), 2);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn configure_is_called_for_the_first_client_of_a_session_alone() {
    let calls = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&calls);
    let context = context(Wire::Http1).configure(move |client| {
        counted.fetch_add(1, Ordering::Relaxed);
        client
    });
    run(&context, async |session| {
        assert_eq!(calls.load(Ordering::Relaxed), 1);
        for _ in 0..3 {
            session.reqwest_client()?;
        }
        assert_eq!(calls.load(Ordering::Relaxed), 2);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_client_that_cannot_be_built_is_an_error() {
    let calls = AtomicU32::new(0);
    let context = context(Wire::Http1).configure(move |client| {
        // That of the session can.
        let is_first = calls.fetch_add(1, Ordering::Relaxed) == 0;
        if is_first {
            client
        } else {
            client.user_agent("\n")
        }
    });
    let ((), report) = run(&context, async |session| {
        let refused = session.reqwest_client().unwrap_err();
        assert!(
            matches!(refused, SessionError::Build(BuildError::Client(_))),
            "{refused:?}"
        );
        Ok(())
    })
    .await;
    assert!(report.is_clean(), "{report}");
}

#[tokio::test]
async fn what_builds_it_cannot_ask_for_it() {
    let context = context(Wire::Http1).configure(|client| {
        if let Ok(session) = http_session() {
            let refused = session.reqwest_client().unwrap_err();
            let is_reentrant = matches!(refused, SessionError::Build(BuildError::Reentrant));
            assert!(is_reentrant, "{refused:?}");
        }
        client
    });
    run(&context, async |session| {
        session.reqwest_client()?;
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn it_sends_over_https_only_where_the_session_does() {
    let server = Server::start();
    let context = context(Wire::Http1).configure(|client| client.https_only(true));
    run(&context, async |session| {
        let refused = get(&session.reqwest_client()?, server.url("/ok"))
            .await
            .unwrap_err();
        assert!(refused.is_builder() && find::<std::io::Error>(&refused).is_none());
        Ok(())
    })
    .await;
    assert_eq!(server.counts().accepted, 0);
}

//! Options of a context reach its client.

use http_context::{BuildError, HttpVersions, OpenError, RedirectPolicy, builder, http_session};
use http_context_tests::{Edit, Server, tls};
use reqwest::header::HeaderMap;
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
        statuses(builder().redirect(RedirectPolicy::none()))
            .await
            .unwrap(),
        302
    );
    assert!(
        statuses(builder().redirect(RedirectPolicy::limited(1)))
            .await
            .is_err()
    );
}

#[tokio::test]
async fn a_redirect_policy_in_configure_is_refused() {
    let work = builder().configure(|client| client.redirect(redirect::Policy::limited(1)));
    let error = work
        .open(async { Ok::<_, OpenError>(http_session()?.id()) })
        .await
        .unwrap_err();
    let OpenError::Build(error) = error else {
        panic!("{error:?}")
    };
    assert!(
        matches!(error, BuildError::ConfiguredRedirects),
        "{error:?}"
    );
    assert!(error.to_string().contains("by `redirect`"), "{error}");
}

#[tokio::test]
async fn default_headers_go_with_each_request_that_does_not_have_them() {
    let server = Server::start();
    let mut headers = HeaderMap::new();
    headers.append("x-default", "one".parse().unwrap());
    headers.append("x-default", "two".parse().unwrap());
    builder()
        .default_headers(headers)
        .open(async {
            let session = http_session()?;
            session.get(server.url("/ok")).send().await?;
            let own = session.get(server.url("/ok")).header("x-default", "own");
            own.send().await?;
            Ok::<_, BoxError>(())
        })
        .await
        .unwrap();
    let sent = server.seen().into_iter().map(|seen| {
        let values = seen.headers.get_all("x-default").iter().cloned();
        values.collect::<Vec<_>>()
    });
    assert_eq!(sent.collect::<Vec<_>>(), [vec!["one", "two"], vec!["own"]]);
}

#[tokio::test]
async fn the_http_versions_are_those_that_were_set() {
    let server = Server::builder().tls().start();
    let tls = http_context::Tls::Config(tls::client_config());
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

#[tokio::test]
async fn the_resolver_is_the_one_that_was_set() {
    struct Fixed(std::net::SocketAddr);
    impl reqwest::dns::Resolve for Fixed {
        fn resolve(&self, _: reqwest::dns::Name) -> reqwest::dns::Resolving {
            let addresses: reqwest::dns::Addrs = Box::new(std::iter::once(self.0));
            Box::pin(std::future::ready(Ok(addresses)))
        }
    }
    let server = Server::start();
    builder()
        .dns_resolver(std::sync::Arc::new(Fixed(server.addr())))
        .open(async {
            let url = server.url_at("a-name.test", "/ok");
            let text = http_session()?.get(url).send().await?.text().await?;
            assert_eq!(text, "ok");
            Ok::<_, BoxError>(())
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn middleware_stands_in_the_order_in_which_it_was_added() {
    let adds = |way: &'static str| {
        Edit(
            move |request: &mut reqwest::Request, _: &http::Extensions| {
                let way = http::HeaderValue::from_static(way);
                request.headers_mut().append("x-way", way);
            },
        )
    };
    let server = Server::start();
    builder()
        .with(adds("outer"))
        .with_arc(std::sync::Arc::new(adds("inner")))
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
    let way: Vec<_> = server.seen()[0]
        .headers
        .get_all("x-way")
        .iter()
        .cloned()
        .collect();
    assert_eq!(way, ["outer", "inner"]);
}

#[tokio::test]
async fn a_connector_below_is_called_only_when_it_is_ready() {
    use std::task::{Context, Poll};
    use tower::Service;

    #[derive(Clone)]
    struct Strict<S> {
        connector: S,
        is_ready: bool,
    }
    impl<S: Service<R>, R> Service<R> for Strict<S> {
        type Response = S::Response;
        type Error = S::Error;
        type Future = S::Future;

        fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
            self.is_ready = true;
            self.connector.poll_ready(cx)
        }

        fn call(&mut self, request: R) -> S::Future {
            assert!(std::mem::take(&mut self.is_ready), "called before that");
            self.connector.call(request)
        }
    }
    let server = Server::start();
    let strict = tower::layer::layer_fn(|connector| Strict {
        connector,
        is_ready: false,
    });
    builder()
        .configure(move |client| client.connector_layer(strict))
        .open(async {
            let request = http_session()?.get(server.url("/ok"));
            assert_eq!(request.send().await?.text().await?, "ok");
            Ok::<_, BoxError>(())
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn what_is_handed_to_the_middleware_with_a_request_arrives() {
    let sends_what_it_is_handed = |request: &mut reqwest::Request, handed: &http::Extensions| {
        let handed: &http::HeaderValue = handed.get().unwrap();
        request.headers_mut().insert("x-handed", handed.clone());
    };
    let server = Server::start();
    let [one, other] = ["one", "other"].map(http::HeaderValue::from_static);
    builder()
        .with(Edit(sends_what_it_is_handed))
        .open(async {
            let session = http_session()?;
            let request = session.get(server.url("/ok")).with_extension(one);
            request.send().await?.bytes().await?;
            let mut request = session.get(server.url("/ok"));
            request.extensions().insert(other);
            request.send().await?.bytes().await?;
            Ok::<_, BoxError>(())
        })
        .await
        .unwrap();
    let seen = server.seen();
    let handed: Vec<_> = seen.iter().map(|seen| &seen.headers["x-handed"]).collect();
    assert_eq!(handed, ["one", "other"]);
}

#[tokio::test]
async fn an_idle_connection_is_kept_for_as_long_as_was_set() {
    let server = Server::start();
    builder()
        .keep_alive(std::time::Duration::from_millis(20))
        .open(async {
            http_session()?
                .get(server.url("/ok"))
                .send()
                .await?
                .bytes()
                .await?;
            // Nobody but the session closes it.
            let counts = server.wait_until(|counts| counts.open() == 0).await;
            assert_eq!(counts.closed_by_client, 1);
            Ok::<_, BoxError>(())
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn bodies_and_queries_are_sent_in_the_shapes_of_reqwest() {
    let server = Server::start();
    let (_, report) = builder()
        .open(async {
            let session = http_session()?;
            let json = session
                .post(server.url("/echo"))
                .json(&[1, 2])
                .send()
                .await?;
            assert_eq!(json.text().await?, "[1,2]");
            let form = session
                .post(server.url("/echo"))
                .form(&[("a", "b c")])
                .send()
                .await?;
            assert_eq!(form.text().await?, "a=b+c");
            let query = session
                .get(server.url("/ok"))
                .query(&[("q", "1")])
                .send()
                .await?;
            assert_eq!(query.url().query(), Some("q=1"));
            let parts = reqwest::multipart::Form::new().text("name", "value");
            let multipart = session
                .post(server.url("/echo"))
                .multipart(parts)
                .send()
                .await?;
            assert!(multipart.text().await?.contains("name=\"name\""));
            Ok::<_, BoxError>(())
        })
        .with_report()
        .await;
    assert_eq!(report.unwrap().bytes_sent, server.counts().request_bytes);
}

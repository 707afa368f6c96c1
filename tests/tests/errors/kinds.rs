//! What is known of a failure is known behind the errors of others.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use http_context::{
    ContextBuilder, ErrorKind, LeakPolicy, OpenError, RequestError, RequestFailure, SessionClosed,
    SessionError, builder, http_session,
};
use http_context_middleware::{Instrumentation, Spans};
use http_context_tests::{RefusedPort, Server, edits_nothing};
use metrics_exporter_prometheus::PrometheusBuilder;
use reqwest_middleware::ClientWithMiddleware;

use crate::middleware::{NoNames, Wrap, retries};

/// Some `#[error(transparent)]`: the source is that of what it holds, which nobody sees.
#[derive(Debug)]
struct Transparent<E>(E);

impl<E: Error> std::fmt::Display for Transparent<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(&self.0, f)
    }
}

impl<E: Error> Error for Transparent<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

/// One that holds its source as others do.
#[derive(Debug)]
struct Opaque<E>(E);

impl<E> std::fmt::Display for Opaque<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("opaque")
    }
}

impl<E: Error + 'static> Error for Opaque<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

/// Every way that an error comes out of a chain of middleware.
fn wrapped() -> Vec<ContextBuilder> {
    use reqwest_middleware::Error as Chain;
    let boxed = |error: Chain| Chain::middleware(std::io::Error::other(error));
    vec![
        builder(),
        builder().with(retries(0)),
        builder().with(retries(1)),
        builder().with(retries(1)).with(retries(0)),
        builder().with(Wrap(boxed)),
        builder().with(Wrap(boxed)).with(retries(1)),
        builder()
            .with(retries(0))
            .with(Wrap(boxed))
            .with(retries(0)),
        builder().with(Wrap(|error| Chain::middleware(Opaque(error)))),
        builder().with(Wrap(|error| Chain::middleware(Transparent(error)))),
        builder().with(Wrap(|error| Chain::middleware(Transparent(Opaque(error))))),
        builder().with(Wrap(|error| Chain::middleware(Opaque(Transparent(error))))),
    ]
}

/// Long enough that a busy machine has connected before.
const LIMIT: Duration = Duration::from_secs(1);

/// The error of a request with all that is known of it.
async fn fails(context: ContextBuilder, url: &str) -> RequestError {
    let work = context
        .configure(reqwest::ClientBuilder::no_proxy)
        .dns_resolver(Arc::new(NoNames("no such name")))
        .open(async {
            let request = http_session()?.get(url).timeout(LIMIT);
            Ok::<_, OpenError>(request.send().await.unwrap_err())
        });
    work.await.unwrap()
}

#[track_caller]
fn assert_is(error: &RequestError, kind: ErrorKind, is_timeout: bool, is_connect: bool) {
    let found = (error.kind(), error.is_timeout(), error.is_connect());
    assert_eq!(found, (kind, is_timeout, is_connect), "{error:?}");
}

/// The errors of requests to this URL in every nesting, and of the same with a secret, which makes of
/// most of them something else.
async fn all_fail(url: &str) -> Vec<RequestError> {
    let secret = format!("{url}?sig=S3CRET");
    let urls = [url, &secret].into_iter();
    let fails = urls.flat_map(|url| {
        wrapped()
            .into_iter()
            .map(move |context| fails(context, url))
    });
    join_all(fails).await
}

#[tokio::test]
async fn a_timeout_is_a_timeout_in_every_nesting() {
    let server = Server::start();
    for error in all_fail(&server.url("/never")).await {
        assert_is(&error, ErrorKind::Timeout, true, false);
    }
}

#[tokio::test]
async fn a_dead_port_is_no_connection_in_every_nesting() {
    let dead = RefusedPort::new();
    for error in all_fail(&format!("http://{}/", dead.addr())).await {
        assert_is(&error, ErrorKind::Connection, false, true);
    }
}

#[tokio::test]
async fn a_name_that_is_not_found_is_that_in_every_nesting() {
    for error in all_fail("http://host.test/").await {
        assert_is(&error, ErrorKind::NameResolution, false, true);
    }
}

#[tokio::test]
async fn a_timeout_behind_a_retry_is_a_timeout_in_the_metric() {
    let server = Server::start();
    let recorder = PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    let observer = Instrumentation::builder()
        .spans(Spans::Off)
        .recorder(Arc::new(recorder))
        .build();
    for times in [0, 1] {
        let context = builder()
            .observer(Arc::<Instrumentation>::clone(&observer))
            .with(retries(times));
        fails(context, &server.url("/never")).await;
    }
    let rendered = metrics.render();
    let counted = rendered.lines().find(|line| {
        line.starts_with("http_client_request_duration_seconds_count")
            && line.contains("error_type=\"timeout\"")
    });
    assert!(
        counted.is_some_and(|line| line.ends_with(" 2")),
        "{rendered}"
    );
}

#[tokio::test]
async fn the_end_of_a_session_is_found_behind_the_errors_of_its_clients() {
    let server = Server::start();
    let work = builder().open(async {
        let session = http_session()?;
        let clients: Vec<ClientWithMiddleware> = [0, 1]
            .map(|times| {
                let inner = session.client();
                reqwest_middleware::ClientBuilder::new(reqwest::Client::new())
                    .with(Through(inner))
                    .with(retries(times))
                    .build()
            })
            .into();
        session.close();
        let mut errors = Vec::new();
        for client in clients {
            errors.push(client.get(server.url("/ok")).send().await.unwrap_err());
        }
        Ok::<_, OpenError>(errors)
    });
    for error in work.await.unwrap() {
        assert!(SessionClosed::find(&error).is_some(), "{error:?}");
        assert_eq!(ErrorKind::of(&error), ErrorKind::SessionClosed);
        let error = RequestError::from(error);
        assert!(error.is_session_closed(), "{error:?}");
    }
}

#[tokio::test]
async fn the_end_of_another_session_is_told_as_that_one_s() {
    let server = Server::start();
    let other = builder().leaks(LeakPolicy::Off).open(async {
        let session = http_session()?;
        Ok::<_, OpenError>((session.id(), session.client()))
    });
    let (other, client) = other.await.unwrap();
    let work = builder().with(Through(client)).open(async {
        let request = http_session()?.get(server.url("/ok"));
        Ok::<_, OpenError>(request.send().await.unwrap_err())
    });
    let error = work.await.unwrap();
    assert_eq!(SessionClosed::find(&error).unwrap().session, other);
}

/// Sends each request through another client.
struct Through(ClientWithMiddleware);

#[async_trait::async_trait]
impl reqwest_middleware::Middleware for Through {
    async fn handle(
        &self,
        request: reqwest::Request,
        extensions: &mut http::Extensions,
        _: reqwest_middleware::Next<'_>,
    ) -> reqwest_middleware::Result<reqwest::Response> {
        self.0.execute_with_extensions(request, extensions).await
    }
}

#[tokio::test]
async fn a_request_error_inside_the_errors_of_its_user_has_its_kind() {
    let (server, dead) = (Server::start(), RefusedPort::new());
    for (url, kind) in [
        (server.url("/never"), ErrorKind::Timeout),
        (format!("http://{}/", dead.addr()), ErrorKind::Connection),
    ] {
        let errors = || all_fail(&url);
        let (first, second, third) = futures_util::join!(errors(), errors(), errors());
        for error in first {
            assert_eq!(ErrorKind::of(&Transparent(error)), kind);
        }
        for error in second {
            assert_eq!(ErrorKind::of(&Opaque(error)), kind);
        }
        for error in third {
            let chain = reqwest_middleware::Error::from(error);
            assert_eq!(ErrorKind::of(&chain), kind);
            let boxed: crate::BoxError = Box::new(std::io::Error::other(Transparent(chain)));
            assert_eq!(ErrorKind::of(&*boxed), kind);
        }
    }
}

#[tokio::test]
async fn a_full_queue_inside_the_errors_of_a_client_is_a_timeout_of_the_queue() {
    let server = Server::start();
    let work = builder()
        .max_connections_per_host(1)
        .queue_timeout(Duration::from_millis(1))
        .open(async {
            let session = http_session()?;
            let held = tokio::spawn(session.get(server.url("/slow-head")).send());
            server.wait_until(|counts| counts.held == 1).await;
            let error = session.client().get(server.url("/ok")).send().await;
            let error = error.unwrap_err();
            server.gate().open();
            held.await.unwrap().unwrap();
            Ok::<_, OpenError>(error)
        });
    let error = work.await.unwrap();
    assert_eq!(ErrorKind::of(&error), ErrorKind::QueueTimeout);
    assert_eq!(ErrorKind::of(&Transparent(error)), ErrorKind::QueueTimeout);
}

/// Through a chain of middleware and back, as who holds a client of the session gets it.
fn through_a_chain(error: RequestError) -> RequestError {
    reqwest_middleware::Error::from(error).into()
}

#[tokio::test]
async fn a_redirect_to_a_host_without_a_slot_times_out_in_its_queue_also_behind_a_middleware() {
    for with_middleware in [false, true] {
        let busy = Server::start();
        let redirects = Server::builder();
        let redirects = redirects.redirect("/a", 302, busy.url("/ok")).start();
        let mut context = builder()
            .max_connections_per_host(1)
            .queue_timeout(Duration::ZERO);
        if with_middleware {
            context = context.with(edits_nothing());
        }
        let work = context.open(async {
            let session = http_session()?;
            let held = session.get(busy.url("/slow-body")).send().await.unwrap();
            let error = session.get(redirects.url("/a")).send().await.unwrap_err();
            drop(held);
            Ok::<_, OpenError>(error)
        });
        let error = through_a_chain(work.await.unwrap());
        assert_eq!(error.kind(), ErrorKind::QueueTimeout, "{with_middleware}");
        let failure = error.into_failure();
        assert!(
            matches!(failure, RequestFailure::QueueTimeout(_)),
            "{failure:?}"
        );
    }
}

#[tokio::test]
async fn a_session_that_was_closed_is_told_behind_every_conversion() {
    let session = builder()
        .open(async { Ok::<_, OpenError>(http_session()?) })
        .await
        .unwrap();
    let error = session.get("http://localhost/").send().await.unwrap_err();
    let closed = SessionClosed::find(&error).unwrap().clone();
    for error in [error, RequestError::from(closed.clone())] {
        let error = through_a_chain(error);
        assert_eq!(error.kind(), ErrorKind::SessionClosed);
        assert!(matches!(
            error.into_failure(),
            RequestFailure::SessionClosed(_)
        ));
    }
    // As a middleware that has it of another request.
    let of_a_middleware = RequestError::from(reqwest_middleware::Error::middleware(closed.clone()));
    assert_eq!(of_a_middleware.kind(), ErrorKind::SessionClosed);
    // As who asks a closed session for a client has it.
    let of_a_client = SessionError::SessionClosed(closed);
    let of_its_work = OpenError::from(of_a_client.clone());
    let both: [&(dyn Error + 'static); 2] = [&of_a_client, &of_its_work];
    for error in both {
        assert!(SessionClosed::find(error).is_some(), "{error:?}");
        assert_eq!(ErrorKind::of(error), ErrorKind::SessionClosed);
        let boxed = std::io::Error::other(error.to_string());
        assert!(SessionClosed::find(&boxed).is_none());
    }
}

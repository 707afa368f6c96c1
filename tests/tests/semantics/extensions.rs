//! Extensions go to the middleware of the session with a request, and come back to its caller.

use std::time::Duration;

use async_trait::async_trait;
use http::Extensions;
use http_context::{
    ContextBuilder, HttpSession, NestedPolicy, RequestError, builder, http_session,
};
use http_context_tests::{RefusedPort, Server};
use reqwest::{Method, Request, Response};
use reqwest_middleware::{Middleware, Next};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What a caller sends.
#[derive(Clone, Debug, PartialEq)]
struct Sent(u32);

/// What a middleware says: twice of what was sent.
#[derive(Clone, Debug, PartialEq)]
struct Seen(u32);

struct Doubles;

#[async_trait]
impl Middleware for Doubles {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        let Sent(sent) = extensions.remove().unwrap();
        extensions.insert(Seen(2 * sent));
        next.run(request, extensions).await
    }
}

fn doubling() -> ContextBuilder {
    builder().with(Doubles)
}

fn sent(sent: u32) -> Extensions {
    let mut extensions = Extensions::new();
    extensions.insert(Sent(sent));
    extensions
}

fn get(url: &str) -> Request {
    Request::new(Method::GET, url.parse().unwrap())
}

/// What is in them: what the caller sent, and what the middleware has seen.
fn content(extensions: &Extensions) -> (Option<Sent>, Option<Seen>) {
    (extensions.get().cloned(), extensions.get().cloned())
}

const DOUBLED: (Option<Sent>, Option<Seen>) = (None, Some(Seen(14)));
const UNTOUCHED: (Option<Sent>, Option<Seen>) = (Some(Sent(7)), None);

/// Sends with a client of the session, and with the session itself.
async fn both_ways(session: &HttpSession, url: &str) -> [(Extensions, bool); 2] {
    let (mut by_client, mut by_session) = (sent(7), sent(7));
    let client = session.client();
    let first = client.execute_with_extensions(get(url), &mut by_client);
    let first = first.await.is_ok();
    let second = session.execute_with_extensions(get(url), &mut by_session);
    let second = second.await.is_ok();
    [(by_client, first), (by_session, second)]
}

#[tokio::test]
async fn what_a_middleware_puts_in_is_there_for_the_caller() {
    let server = Server::start();
    let work = doubling().open(async {
        for (extensions, is_ok) in both_ways(&http_session()?, &server.url("/ok")).await {
            assert_eq!((content(&extensions), is_ok), (DOUBLED, true));
        }
        Ok::<_, BoxError>(())
    });
    work.await.unwrap();
}

#[tokio::test]
async fn what_a_middleware_puts_in_is_there_when_the_request_fails() {
    let dead = RefusedPort::new();
    let url = format!("http://{}/", dead.addr());
    let work = doubling().open(async {
        for (extensions, is_ok) in both_ways(&http_session()?, &url).await {
            assert_eq!((content(&extensions), is_ok), (DOUBLED, false));
        }
        Ok::<_, BoxError>(())
    });
    work.await.unwrap();
}

#[tokio::test]
async fn they_stay_as_they_are_without_a_middleware() {
    let server = Server::start();
    let work = builder().open(async {
        for (extensions, is_ok) in both_ways(&http_session()?, &server.url("/ok")).await {
            assert_eq!((content(&extensions), is_ok), (UNTOUCHED, true));
        }
        Ok::<_, BoxError>(())
    });
    work.await.unwrap();
}

#[tokio::test]
async fn they_stay_as_they_are_when_the_request_is_refused() {
    let server = Server::start();
    let context = doubling().max_connections_per_host(1);
    let work = context.queue_timeout(Duration::ZERO).open(async {
        let session = http_session()?;
        let held = session
            .get(server.url("/slow-body"))
            .with_extension(Sent(1));
        let held = held.send().await?;
        for (extensions, is_ok) in both_ways(&session, &server.url("/ok")).await {
            assert_eq!((content(&extensions), is_ok), (UNTOUCHED, false));
        }
        drop(held);
        session.close();
        for (extensions, is_ok) in both_ways(&session, &server.url("/ok")).await {
            assert_eq!((content(&extensions), is_ok), (UNTOUCHED, false));
        }
        Ok::<_, BoxError>(())
    });
    work.await.unwrap();
}

#[tokio::test]
async fn they_are_back_when_the_request_is_cancelled() {
    let server = Server::start();
    let work = doubling().open(async {
        let session = http_session()?;
        let mut extensions = sent(7);
        tokio::select! {
            biased;
            _ = session.execute_with_extensions(get(&server.url("/never")), &mut extensions) => {
                unreachable!("the server never answers")
            }
            _ = server.wait_until(|counts| counts.held == 1) => {}
        }
        assert_eq!(content(&extensions), DOUBLED);
        Ok::<_, BoxError>(())
    });
    work.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn they_are_back_when_an_exit_cuts_the_request_off() {
    let server = Server::start();
    let context = doubling().drain_timeout(Duration::ZERO);
    let work = context.open(async {
        let (session, url) = (http_session()?, server.url("/never"));
        let request = tokio::spawn(async move {
            let mut extensions = sent(7);
            let request = session.execute_with_extensions(get(&url), &mut extensions);
            (request.await, extensions)
        });
        server.wait_until(|counts| counts.held == 1).await;
        Ok::<_, BoxError>(request)
    });
    let (result, extensions) = work.await.unwrap().await.unwrap();
    assert!(result.is_err_and(|error| RequestError::is_session_closed(&error)));
    assert_eq!(content(&extensions), DOUBLED);
}

#[tokio::test]
async fn what_is_added_to_a_request_being_built_is_seen_by_the_middleware() {
    let server = Server::start();
    let work = doubling().open(async {
        let session = http_session()?;
        // Without it the middleware panics.
        let own = session.get(server.url("/ok")).with_extension(Sent(1));
        own.send().await?.bytes().await?;
        let client = session.client();
        let built = client.get(server.url("/ok")).with_extension(Sent(1));
        built.send().await?.bytes().await?;
        Ok::<_, BoxError>(())
    });
    work.await.unwrap();
}

/// Sends its request by a client that it is given, as one that signs by another session does.
struct By(reqwest_middleware::ClientWithMiddleware);

#[async_trait]
impl Middleware for By {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        let again = request.try_clone().unwrap();
        self.0.execute_with_extensions(request, extensions).await?;
        next.run(again, extensions).await
    }
}

#[tokio::test]
async fn two_sessions_that_have_them_one_in_the_other_each_see_their_own_request() {
    let server = Server::start();
    let inner = doubling().open(async {
        let client = http_session()?.client();
        let isolated = builder().nested(NestedPolicy::Isolate);
        let outer = isolated.with(By(client)).open(async {
            let mut extensions = sent(7);
            let url = server.url("/ok");
            let request = http_session()?.execute_with_extensions(get(&url), &mut extensions);
            request.await?.bytes().await?;
            Ok::<_, BoxError>(content(&extensions))
        });
        outer.await
    });
    assert_eq!(inner.await.unwrap(), DOUBLED);
}

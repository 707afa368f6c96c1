//! Middleware that sends a request again, or answers from a cache, hides no connection.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use http::{Extensions, Response as HttpResponse, StatusCode, header};
use http_cache_reqwest::{
    Cache, CacheManager, CacheMode, HttpCache, HttpCacheOptions, HttpResponse as Cached,
};
use http_cache_semantics::CachePolicy;
use http_context::{CloseReason, ConnectionUse, ExitReport, http_session};
use http_context_tests::{
    BY_ITS_SESSION, ResponseBody, SEES_SOCKETS, Server, empty_body, full_body,
};
use reqwest::{Request, Response, ResponseBuilderExt as _};
use reqwest_middleware::{Middleware, Next};
use reqwest_retry::RetryTransientMiddleware;
use reqwest_retry::policies::ExponentialBackoff;
use tokio::sync::Notify;

use crate::rig::{Exported, Rig, Wire};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What came out of the session: whole, with what its connection is said to be.
async fn get(url: String) -> Result<(StatusCode, ConnectionUse), BoxError> {
    let response = http_session()?.get(url).send().await?;
    let (status, extensions) = (response.status(), response.extensions());
    let connection_use = *extensions.get().unwrap();
    response.bytes().await?;
    Ok((status, connection_use))
}

/// Runs in a context that this middleware stands in. Everything exported adds up afterwards.
async fn run<T>(
    rig: &Rig,
    server: &Server,
    middleware: impl Middleware,
    work: impl Future<Output = Result<T, BoxError>>,
) -> (T, ExitReport, Exported) {
    let context = rig.context().with(middleware);
    let (result, report) = context.open(work).with_report().await;
    let (result, report) = (result.unwrap(), report.unwrap());
    let exported = rig.wait_until(|e| e.open_connections() == 0).await;
    exported.assert_sound();
    let counts = server.counts();
    let signed = |count: u64| i64::try_from(count).unwrap();
    assert_eq!(exported.opened(), signed(counts.accepted));
    assert_eq!(report.connections_opened, counts.accepted);
    let carried = exported.sum("http_context_connection_requests_sum", &[]);
    assert_eq!(
        carried,
        signed(counts.heads),
        "each head was on a connection"
    );
    assert_eq!(report.connections_reused, counts.heads - counts.accepted);
    (result, report, exported)
}

fn source(exported: &Exported, source: &str) -> i64 {
    exported.sum(
        "http_context_request_connections_total",
        &[("source", source)],
    )
}

/// A server whose `/flaky` is not available two times out of three, and says so with this body.
fn flaky(wire: Wire, body: fn() -> ResponseBody) -> Server {
    let asked = Arc::new(AtomicUsize::new(0));
    wire.server(Server::builder().handler("/flaky", move |_| {
        let is_there = asked.fetch_add(1, Ordering::SeqCst) % 3 == 2;
        async move {
            let mut response = HttpResponse::new(if is_there { full_body("yes") } else { body() });
            if !is_there {
                *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            }
            response
        }
    }))
}

fn retrying() -> RetryTransientMiddleware<ExponentialBackoff> {
    let soon = Duration::from_millis(1);
    let policy = ExponentialBackoff::builder().retry_bounds(soon, soon);
    RetryTransientMiddleware::new_with_policy(policy.build_with_max_retries(5))
}

#[tokio::test]
async fn each_try_of_a_request_is_on_a_connection() {
    for wire in Wire::ALL {
        let (rig, server) = (Rig::new(wire), flaky(wire, empty_body));
        let url = server.url("/flaky");
        let work = async { Ok([get(url.clone()).await?, get(url).await?]) };
        let (got, report, exported) = run(&rig, &server, retrying(), work).await;
        assert_eq!(got, [(StatusCode::OK, ConnectionUse::Reused); 2]);
        assert_eq!((report.requests, server.counts().heads), (2, 6));
        assert_eq!(
            (report.connections_opened, report.connections_reused),
            (1, 5)
        );
        assert_eq!(
            (source(&exported, "reused"), source(&exported, "new")),
            (2, 0)
        );
    }
}

#[tokio::test]
async fn a_connection_that_a_retry_drops_with_an_unread_body_is_closed_by_this_side() {
    let (rig, server) = (
        Rig::new(Wire::Http1),
        // So much that it does not come with its head.
        flaky(Wire::Http1, || full_body(vec![b'x'; 8 << 20])),
    );
    let work = get(server.url("/flaky"));
    let (got, report, exported) = run(&rig, &server, retrying(), work).await;
    assert_eq!(got, (StatusCode::OK, ConnectionUse::New));
    assert_eq!(
        (report.connections_opened, report.connections_reused),
        (3, 0)
    );
    assert_eq!(exported.closed(BY_ITS_SESSION), 3);
}

/// Keeps what it is given, in memory.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<HashMap<String, (Cached, CachePolicy)>>>);

impl CacheManager for Memory {
    async fn get(&self, key: &str) -> CacheResult<Option<(Cached, CachePolicy)>> {
        Ok(self.0.lock().unwrap().get(key).cloned())
    }

    async fn put(&self, key: String, response: Cached, policy: CachePolicy) -> CacheResult<Cached> {
        let kept = (response.clone(), policy);
        self.0.lock().unwrap().insert(key, kept);
        Ok(response)
    }

    async fn delete(&self, key: &str) -> CacheResult<()> {
        self.0.lock().unwrap().remove(key);
        Ok(())
    }
}

type CacheResult<T> = Result<T, BoxError>;

fn caching() -> Cache<Memory> {
    Cache(HttpCache {
        mode: CacheMode::Default,
        manager: Memory::default(),
        options: HttpCacheOptions::default(),
    })
}

/// A server that says how long its answers hold, and knows them again by their tag.
fn cacheable(wire: Wire) -> Server {
    let answer = |control: &'static str| {
        move |request: http::Request<_>| {
            let is_known = request.headers().contains_key(header::IF_NONE_MATCH);
            async move {
                let response = HttpResponse::builder()
                    .header(header::CACHE_CONTROL, control)
                    .header(header::ETAG, "\"1\"");
                if is_known {
                    let response = response.status(StatusCode::NOT_MODIFIED);
                    return response.body(empty_body()).unwrap();
                }
                response.body(full_body("kept")).unwrap()
            }
        }
    };
    let server = Server::builder()
        .handler("/kept", answer("max-age=3600"))
        .handler("/asked", answer("no-cache"))
        .handler("/never", answer("no-store"));
    wire.server(server)
}

#[tokio::test]
async fn a_response_that_a_cache_rebuilt_has_the_connection_it_came_over_and_a_kept_one_has_none() {
    use ConnectionUse::{New, Reused, Unknown};
    for wire in Wire::ALL {
        let (rig, server) = (Rig::new(wire), cacheable(wire));
        let (middleware, uses) = (caching(), Mutex::new(Vec::new()));
        let work = async {
            for path in [
                "/kept", "/never", "/kept", "/never", "/asked", "/asked", "/kept",
            ] {
                let (status, connection_use) = get(server.url(path)).await?;
                assert_eq!(status, StatusCode::OK);
                uses.lock().unwrap().push(connection_use);
            }
            Ok(())
        };
        let ((), report, exported) = run(&rig, &server, middleware, work).await;
        // The last but one was asked for again, and had not changed.
        let expected = [New, Reused, Unknown, Reused, Reused, Reused, Unknown];
        assert_eq!(*uses.lock().unwrap(), expected);
        assert_eq!((report.requests, server.counts().heads), (7, 5));
        let sources = ["new", "reused", "unknown"].map(|one| source(&exported, one));
        assert_eq!(sources, [1, 4, 2]);
    }
}

/// What a middleware does with the first response before it sends the request again.
type Uses = fn(Response) -> std::pin::Pin<Box<dyn Future<Output = Option<Response>> + Send>>;

/// Sends twice, and waits in between.
struct Twice {
    uses: Uses,
    between: Arc<Notify>,
    goes_on: Arc<Notify>,
}

#[async_trait]
impl Middleware for Twice {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        let again = request.try_clone().unwrap();
        let first = next.clone().run(request, extensions).await?;
        let kept = (self.uses)(first).await;
        self.between.notify_one();
        self.goes_on.notified().await;
        let second = next.run(again, extensions).await?;
        Ok(kept.unwrap_or(second))
    }
}

#[tokio::test]
async fn between_two_tries_a_connection_is_as_its_last_response_has_left_it() {
    let drops: Uses = |response| {
        Box::pin(async {
            drop(response);
            None
        })
    };
    let reads: Uses = |response| {
        Box::pin(async {
            response.bytes().await.unwrap();
            None
        })
    };
    let keeps: Uses = |response| Box::pin(async { Some(response) });
    let slow = "/chunked/2/1000000";
    for (path, uses, active_and_idle, accepted) in [
        ("/status/204", drops, (0, 1), 1),
        ("/ok", reads, (0, 1), 1),
        (slow, reads, (0, 1), 1),
        // Whether it is closed nobody sees but the kernel.
        (slow, drops, (0, i64::from(!SEES_SOCKETS)), 2),
        (slow, keeps, (1, 0), 2),
    ] {
        let (rig, server) = (Rig::new(Wire::Http1), Wire::Http1.server(Server::builder()));
        let (between, goes_on) = (Arc::<Notify>::default(), Arc::<Notify>::default());
        let twice = Twice {
            uses,
            between: Arc::clone(&between),
            goes_on: Arc::clone(&goes_on),
        };
        let work = async {
            let looks = async {
                between.notified().await;
                let exported = rig
                    .wait_until(|e| e.active_and_idle() == active_and_idle)
                    .await;
                goes_on.notify_one();
                drop(exported);
            };
            let (got, ()) = tokio::join!(get(server.url(path)), looks);
            Ok(got?.1)
        };
        let (connection_use, _, exported) = run(&rig, &server, twice, work).await;
        // The one that reaches the caller is told: the first where it was kept.
        let is_second_of_one = accepted == 1;
        let expected = if is_second_of_one {
            ConnectionUse::Reused
        } else {
            ConnectionUse::New
        };
        assert_eq!(
            (connection_use, server.counts().accepted),
            (expected, accepted),
            "{path}"
        );
        assert_eq!(exported.closed(CloseReason::Remote), 0);
    }
}

/// Answers from the parts of the first response, all of them: its extensions have the addresses of a
/// connection that later requests are not on.
#[derive(Default)]
struct CopiesParts(Mutex<Option<(StatusCode, Extensions)>>);

#[async_trait]
impl Middleware for CopiesParts {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        let url = request.url().clone();
        let kept = self.0.lock().unwrap().clone();
        let (status, kept) = if let Some(kept) = kept {
            kept
        } else {
            let response = next.run(request, extensions).await?;
            let parts = (response.status(), response.extensions().clone());
            response.bytes().await?;
            self.0.lock().unwrap().insert(parts).clone()
        };
        let mut response = HttpResponse::builder().status(status);
        *response.extensions_mut().unwrap() = kept;
        Ok(response.url(url).body("").unwrap().into())
    }
}

#[tokio::test]
async fn a_copy_of_an_earlier_response_is_on_no_connection() {
    let (rig, server) = (Rig::new(Wire::Http1), Wire::Http1.server(Server::builder()));
    let url = server.url("/ok");
    let work = async { Ok([get(url.clone()).await?.1, get(url).await?.1]) };
    let (uses, ..) = run(&rig, &server, CopiesParts::default(), work).await;
    assert_eq!(uses, [ConnectionUse::New, ConnectionUse::Unknown]);
}

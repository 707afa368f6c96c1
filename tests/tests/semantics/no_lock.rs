//! An observer is called with no lock held: it may close the session, ask for the next one, and
//! drop responses, in the middle of any fact of a request.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Extensions, HeaderMap};
use http_context::{
    BodyEnd, ConnectStarted, ConnectionInfo, HttpContext, NameLookup, Observer, QueueWait,
    Redirect, RequestInfo, ResponseHead, SessionClosed, builder, current, http_session,
};
use http_context_tests::Server;
use reqwest::Response;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Without a lock in the way it takes no time at all.
const DEADLINE: Duration = Duration::from_secs(20);

/// Does what it may at the first fact of a name, once it is armed.
struct Meddles {
    at: &'static str,
    armed: Mutex<Option<(HttpContext, Response)>>,
    /// Whether it came to its end.
    is_done: AtomicBool,
}

impl Meddles {
    fn note(&self, fact: &'static str) {
        if fact != self.at {
            return;
        }
        let armed = self.armed.lock().unwrap().take();
        if let Some((context, response)) = armed {
            // A connection may be made in a task that is bound to nothing.
            context.sync_scope(|| {
                let closed = http_session().unwrap();
                closed.close();
                assert_ne!(http_session().unwrap(), closed);
            });
            drop(response);
            self.is_done.store(true, Ordering::Release);
        }
    }
}

impl Observer for Meddles {
    fn request_started(&self, _: &RequestInfo, _: &reqwest::Request, _: &Extensions) {
        self.note("request_started");
    }

    fn enter_request(&self, _: &RequestInfo) {
        self.note("enter_request");
    }

    fn exit_request(&self, _: &RequestInfo) {
        self.note("exit_request");
    }

    fn request_queued(&self, _: &RequestInfo) {
        self.note("request_queued");
    }

    fn request_dequeued(&self, _: &RequestInfo, _: &QueueWait) {
        self.note("request_dequeued");
    }

    fn request_sending(&self, _: &RequestInfo, _: &mut HeaderMap) {
        self.note("request_sending");
    }

    fn connect_started(&self, _: &RequestInfo, _: &ConnectStarted<'_>) {
        self.note("connect_started");
    }

    fn name_resolved(&self, _: &RequestInfo, _: &NameLookup) {
        self.note("name_resolved");
    }

    fn connection_opened(&self, _: &RequestInfo, _: &Arc<ConnectionInfo>) {
        self.note("connection_opened");
    }

    fn request_redirected(&self, _: &RequestInfo, _: &Redirect<'_>) {
        self.note("request_redirected");
    }

    fn response_headers(&self, _: &RequestInfo, _: &HeaderMap) {
        self.note("response_headers");
    }

    fn request_answered(&self, _: &RequestInfo, _: &ResponseHead) {
        self.note("request_answered");
    }

    fn response_body_ended(&self, _: &RequestInfo, _: &BodyEnd) {
        self.note("response_body_ended");
    }
}

struct Fixed(std::net::SocketAddr);

impl Resolve for Fixed {
    fn resolve(&self, _: Name) -> Resolving {
        let addresses: Addrs = Box::new(std::iter::once(self.0));
        Box::pin(std::future::ready(Ok(addresses)))
    }
}

/// A request that waits for its slot, connects by name and is redirected, while the observer
/// meddles with its session at one of these facts.
async fn meddled_with(meddles: Arc<Meddles>) {
    let (server, other) = (Server::start(), Server::start());
    let context = builder()
        .observer(meddles.clone())
        .dns_resolver(Arc::new(Fixed(server.addr())))
        .max_connections_per_host(1);
    let work = context.open(async {
        let session = http_session()?;
        let held = session.get(other.url("/slow-body")).send().await?;
        let first = server.url_at("a-name.test", "/slow-body");
        let first = session.get(first).send().await?;
        *meddles.armed.lock().unwrap() = Some((current().unwrap(), held));
        let request = server.url_at("a-name.test", "/redirect/1");
        let request = session.get(request).send();
        let (answer, ()) = tokio::join!(biased; request, async { drop(first) });
        assert!(meddles.is_done.load(Ordering::Acquire), "{}", meddles.at);
        match answer {
            Ok(response) => {
                let error = response.bytes().await.unwrap_err();
                assert!(SessionClosed::find(&error).is_some(), "{error:?}");
            }
            Err(error) => assert!(error.is_session_closed(), "{error:?}"),
        }
        let fresh = http_session()?.get(other.url("/ok"));
        assert_eq!(fresh.send().await?.text().await?, "ok");
        Ok::<_, BoxError>(())
    });
    let (result, report) = work.with_report().await;
    result.unwrap();
    let report = report.unwrap();
    assert!(report.is_clean(), "{} {report}", meddles.at);
    assert_eq!(report.requests, 4, "{}", meddles.at);
    for server in [server, other] {
        server.wait_until(|counts| counts.open() == 0).await;
    }
}

#[test]
fn an_observer_may_close_the_session_and_drop_responses_at_any_fact_of_a_request() {
    for at in [
        "request_started",
        "enter_request",
        "exit_request",
        "request_queued",
        "request_dequeued",
        "request_sending",
        "connect_started",
        "name_resolved",
        "connection_opened",
        "request_redirected",
        "response_headers",
        "request_answered",
        "response_body_ended",
    ] {
        let meddles = Arc::new(Meddles {
            at,
            armed: Mutex::default(),
            is_done: AtomicBool::new(false),
        });
        let (ended, end) = mpsc::channel();
        // On a thread of its own: a deadlock could not be waited for on this one.
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.unwrap().block_on(meddled_with(meddles));
            ended.send(()).unwrap();
        });
        let waited = end.recv_timeout(DEADLINE);
        assert_ne!(waited, Err(RecvTimeoutError::Timeout), "a deadlock at {at}");
        thread.join().unwrap();
    }
}

//! The future of a request: when observers enter it, and what becomes of a poll that should not be.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread::{self, ThreadId};
use std::time::Duration;

use futures_util::FutureExt as _;
use http_context::testing::Recorder;
use http_context::{
    Observer, OpenError, RequestId, RequestInfo, builder, current, http_session, spawn,
};
use http_context_tests::{Edit, FactLines as _, Server};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Where each request was entered, and not left yet; and how often any was.
#[derive(Default)]
struct Entered {
    inside: Mutex<Vec<(RequestId, ThreadId)>>,
    counts: Mutex<(u64, u64)>,
}

impl Observer for Entered {
    fn enter_request(&self, request: &RequestInfo) {
        let here = (request.id(), thread::current().id());
        self.inside.lock().unwrap().push(here);
        self.counts.lock().unwrap().0 += 1;
    }

    fn exit_request(&self, request: &RequestInfo) {
        let here = (request.id(), thread::current().id());
        let mut inside = self.inside.lock().unwrap();
        // One that was not entered on this thread stays inside for ever.
        if let Some(last) = inside.iter().rposition(|entered| *entered == here) {
            inside.remove(last);
            self.counts.lock().unwrap().1 += 1;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_is_left_on_the_thread_that_entered_it_also_when_its_middleware_panics() {
    let (server, entered) = (Server::start(), Arc::new(Entered::default()));
    let panics = |request: &mut reqwest::Request, _: &http::Extensions| {
        assert_ne!(request.url().path(), "/never", "on purpose");
    };
    let context = builder().observer(entered.clone()).with(Edit(panics));
    let work = context.open(async {
        let session = http_session()?;
        let (mut requests, mut panicking) = (Vec::new(), Vec::new());
        for _ in 0..8 {
            let read = session.get(server.url("/bytes/3000")).send();
            requests.push(spawn(async move {
                read.await?.bytes().await.map_err(BoxError::from)
            }));
            panicking.push(spawn(session.get(server.url("/never")).send()));
        }
        for request in requests {
            request.await??;
        }
        for request in panicking {
            assert!(request.await.unwrap_err().is_panic());
        }
        Ok::<_, BoxError>(())
    });
    let (result, report) = work.with_report().await;
    result.unwrap();
    assert!(report.unwrap().is_clean());
    let (times_in, times_out) = *entered.counts.lock().unwrap();
    assert_eq!(*entered.inside.lock().unwrap(), []);
    assert_eq!(times_in, times_out);
    assert!(times_in >= 16, "each is polled at least once: {times_in}");
}

#[tokio::test]
async fn a_request_that_is_polled_after_its_end_panics_and_counts_nothing() {
    let (server, recorder) = (Server::start(), Arc::new(Recorder::new()));
    let work = builder().observer(recorder.clone()).open(async {
        let session = http_session()?;
        let answered = session.get(server.url("/slow-body")).send();
        let failed = session.get("http://127.0.0.1:1/").send();
        let refused = session.get("not a url").send();
        let mut requests = [answered.boxed(), failed.boxed(), refused.boxed()];
        let mut body = None;
        for request in &mut requests {
            body = body.or(request.as_mut().await.ok());
        }
        let (facts, in_flight) = (recorder.lines(), current().unwrap().requests_in_flight());
        for request in &mut requests {
            let again = AssertUnwindSafe(request.as_mut()).catch_unwind().await;
            let panic = again.unwrap_err();
            let text = panic.downcast_ref::<&str>().unwrap();
            assert!(text.contains("polled after it has ended"), "{text}");
        }
        drop(requests);
        assert_eq!(recorder.lines(), facts);
        assert_eq!(current().unwrap().requests_in_flight(), in_flight);
        assert_eq!(in_flight, 1, "the body");
        drop(body);
        assert_eq!(current().unwrap().requests_in_flight(), 0);
        Ok::<_, BoxError>(())
    });
    let (result, report) = work.with_report().await;
    result.unwrap();
    let report = report.unwrap();
    assert!(report.is_clean(), "{report}");
    assert_eq!(report.requests, 2, "one could not be built");
}

#[tokio::test]
async fn a_request_that_is_polled_after_its_session_has_closed_it_ends_once() {
    let (server, recorder) = (Server::start(), Arc::new(Recorder::new()));
    let work = builder().observer(recorder.clone()).open(async {
        let session = http_session()?;
        let mut request = Box::pin(session.get(server.url("/never")).send());
        assert!(futures_util::poll!(&mut request).is_pending());
        session.close();
        assert!(request.as_mut().await.unwrap_err().is_session_closed());
        let again = AssertUnwindSafe(request.as_mut()).catch_unwind().await;
        again.unwrap_err();
        Ok::<_, BoxError>(())
    });
    let (result, report) = work.with_report().await;
    result.unwrap();
    assert!(report.unwrap().is_clean());
    assert_eq!(recorder.count("request_failed session_closed"), 1);
}

/// No runtime is there: nothing can be waited for, so everything has to be over at once.
#[test]
fn a_request_with_a_timeout_outside_of_a_runtime_panics_and_leaves_nothing_in_flight() {
    let recorder = Arc::new(Recorder::new());
    let work = builder().observer(recorder.clone()).open(async {
        let session = http_session()?;
        let request = session.get("http://127.0.0.1:1/");
        let request = request.timeout(Duration::from_secs(1)).send();
        let panicked = AssertUnwindSafe(request).catch_unwind().await;
        assert!(panicked.is_err());
        assert_eq!(current().unwrap().requests_in_flight(), 0);
        Ok::<_, OpenError>(())
    });
    let mut open = pin!(work.with_report());
    let mut poll = || open.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    let polled = catch_unwind(AssertUnwindSafe(&mut poll));
    let Ok(Poll::Ready((result, report))) = polled else {
        panic!("the exit waits for what is in flight")
    };
    result.unwrap();
    let report = report.unwrap();
    assert!(report.is_clean(), "{report}");
    assert_eq!((report.requests, report.aborted), (1, 0));
    let expected = [
        "context_opened",
        "session_opened created",
        "request_started GET /",
        "request_sending",
        "request_cancelled",
        "session_closed",
        "context_closed completed",
    ];
    assert_eq!(recorder.lines(), expected);
}

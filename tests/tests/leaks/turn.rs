//! Tasks that hold something have their turn to let it go before it is told as a leak.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use http_context::{
    ContextInfo, HttpSession, LeakKind, Observer, OpenError, SessionEnded, builder, http_session,
};
use http_context_tests::Server;
use reqwest::{Method, Request, Response};
use tokio::runtime::Builder;
use tower::buffer::Buffer;
use tower::{Service as _, ServiceExt as _};

use crate::support::{BoxError, clean, recorded};

/// How long an exit waits for holders at most, and what a busy machine may add to that.
const LONGEST_TURN: Duration = Duration::from_secs(2);

async fn through_a_buffer(url: Option<&str>) -> Result<(), BoxError> {
    let mut sdk = Buffer::new(http_session()?.client(), 8);
    if let Some(url) = url {
        let request = Request::new(Method::GET, url.parse()?);
        let response: Response = sdk.ready().await?.call(request).await?;
        response.bytes().await?;
    }
    Ok(())
}

async fn hundred_jobs() {
    let server = Server::start();
    let url = server.url("/ok");
    for nth in 0..100 {
        let (recorder, _) = recorded();
        let url = (nth % 2 == 0).then_some(url.as_str());
        let context = builder().observer(recorder.clone());
        let (done, report) = context.open(through_a_buffer(url)).with_report().await;
        done.unwrap();
        clean(report);
        assert_eq!(recorder.leaks().len(), 0);
    }
}

#[tokio::test]
async fn a_task_that_ends_when_its_sdk_is_dropped_leaks_nothing() {
    hundred_jobs().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_task_that_ends_when_its_sdk_is_dropped_leaks_nothing_on_several_threads() {
    tokio::spawn(hundred_jobs()).await.unwrap();
}

#[tokio::test]
async fn a_task_that_lets_go_after_several_turns_leaks_nothing() {
    let work = builder().open(async {
        let (session, client) = (http_session()?, http_session()?.client());
        // Each waits for the one before it.
        let mut before = tokio::spawn(async move { drop(session) });
        for _ in 0..20 {
            let client = client.clone();
            before = tokio::spawn(async move {
                before.await.unwrap();
                drop(client);
            });
        }
        Ok::<_, OpenError>(())
    });
    clean(work.with_report().await.1);
}

/// Says when a session is closed to its holders, which is when its exit begins.
struct Begins(Mutex<mpsc::Sender<()>>);

impl Observer for Begins {
    fn session_closed(&self, _: &ContextInfo, _: &SessionEnded) {
        self.0.lock().unwrap().send(()).unwrap();
    }
}

#[tokio::test]
async fn another_thread_that_lets_go_when_the_exit_begins_leaks_nothing() {
    let (begins, begun) = mpsc::channel();
    let context = builder().observer(Arc::new(Begins(Mutex::new(begins))));
    let work = context.open(async {
        let session = http_session()?;
        Ok::<_, OpenError>(thread::spawn(move || {
            begun.recv().unwrap();
            // A handle at another call site, which nobody has looked at so far.
            drop(session.get("http://127.0.0.1:1/"));
            drop(session);
        }))
    });
    let (thread, report) = work.with_report().await;
    clean(report);
    thread.unwrap().join().unwrap();
}

#[tokio::test]
async fn a_kept_handle_is_found_and_costs_the_exit_a_bounded_time() {
    let (recorder, _) = recorded();
    let work = builder().observer(recorder.clone()).open(async {
        let session: HttpSession = http_session()?;
        Ok::<_, OpenError>((session.client(), session))
    });
    let (kept, report) = work.with_report().await;
    let report = report.unwrap();
    let kinds: Vec<_> = report.leaks.iter().map(|leak| leak.kind).collect();
    assert_eq!(kinds, [LeakKind::SessionHandle, LeakKind::ClientClone]);
    assert!(report.exit_duration < LONGEST_TURN, "{report}");
    drop(kept);
    assert_eq!((recorder.leaks().len(), recorder.resolved().len()), (2, 2));
}

/// An executor that has nothing but a thread.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

#[test]
fn a_kept_handle_is_found_on_a_runtime_without_timers_and_without_a_runtime() {
    let keeps = || {
        let work = builder().open(async { Ok::<_, OpenError>(http_session()?) });
        work.with_report()
    };
    let runtime = Builder::new_current_thread().build().unwrap();
    for (session, report) in [runtime.block_on(keeps()), block_on(keeps())] {
        let report = report.unwrap();
        assert_eq!(report.leaks.len(), 1, "{report}");
        drop(session);
    }
}

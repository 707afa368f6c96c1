//! Tasks that let go of what they hold a moment after the work: a session is handed on all the same,
//! and one that is not has a leak that says why.

use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use http_context::testing::Recorder;
use http_context::{
    ContextBuilder, HttpSession, LeakKind, LeakPolicy, Observer, OpenError, PoolCheckout,
    PoolCloseReason, PoolStatus, SessionPool, builder, http_session, spawn_blocking,
};
use http_context_tests::{FactLines as _, Server};
use reqwest::{Method, Request, Response};
use tokio::sync::oneshot;
use tower::buffer::Buffer;
use tower::{Service as _, ServiceExt as _};

use crate::{BoxError, recorded};

/// A job whose SDK keeps the client in a task of its own, which ends once the SDK was dropped.
async fn job(url: Option<&str>) -> Result<(), BoxError> {
    let mut sdk = Buffer::new(http_session()?.client(), 8);
    if let Some(url) = url {
        let request = Request::new(Method::GET, url.parse()?);
        let response: Response = sdk.ready().await?.call(request).await?;
        response.bytes().await?;
    }
    Ok(())
}

async fn hundred_jobs(request: bool) {
    let (server, (pool, recorder)) = (Server::start(), recorded(|pool| pool));
    let context = builder().pool(pool.clone()).observer(recorder.clone());
    let url = server.url("/ok");
    for _ in 0..100 {
        let job = job(request.then_some(url.as_str()));
        let (done, report) = context.clone().open(job).with_report().await;
        done.unwrap();
        let report = report.unwrap();
        assert!(report.is_clean(), "{report}");
    }
    let facts = ["pool_session_created", "pool_session_closed"];
    assert_eq!(facts.map(|fact| recorder.count(fact)), [1, 0]);
    assert_eq!(server.counts().accepted, u64::from(request));
}

#[tokio::test]
async fn a_hundred_jobs_through_a_buffer_open_one_connection() {
    hundred_jobs(true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_jobs_through_a_buffer_open_one_connection_on_several_threads() {
    tokio::spawn(hundred_jobs(true)).await.unwrap();
}

#[tokio::test]
async fn a_hundred_jobs_through_an_unused_buffer_have_one_session() {
    hundred_jobs(false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_jobs_through_an_unused_buffer_have_one_session_on_several_threads() {
    tokio::spawn(hundred_jobs(false)).await.unwrap();
}

/// Lets go of a handle when the pool has decided.
struct LetsGo(Arc<Mutex<Option<HttpSession>>>);

impl Observer for LetsGo {
    fn pool_session_closed(&self, _: &PoolStatus, reason: PoolCloseReason) {
        assert_eq!(reason, PoolCloseReason::Leaked);
        drop(self.0.lock().unwrap().take());
    }
}

#[tokio::test]
async fn a_session_closed_as_leaked_has_a_leak_that_says_why() {
    let kept = Arc::new(Mutex::new(None));
    let pool = SessionPool::builder()
        .observer(Arc::new(LetsGo(Arc::clone(&kept))))
        .build();
    let recorder = Arc::new(Recorder::new());
    let context: ContextBuilder = builder().pool(pool).observer(recorder.clone());
    let work = context.open(async {
        *kept.lock().unwrap() = Some(http_session()?);
        Ok::<_, OpenError>(())
    });
    let report = work.with_report().await.1.unwrap();
    let leaks: Vec<_> = report.leaks.iter().map(|leak| leak.kind).collect();
    assert_eq!(leaks, [LeakKind::SessionHandle], "{report}");
    assert!(kept.lock().unwrap().is_none(), "the pool has closed it");
    let facts = (recorder.leaks().len(), recorder.resolved().len());
    assert_eq!(facts, (1, 1), "it was let go since");
}

/// Holds up who is told of its permit, if that is the one to hold up.
struct HoldsUp(Mutex<Vec<Option<HeldUp>>>);

struct HeldUp {
    told: oneshot::Sender<()>,
    goes_on: mpsc::Receiver<()>,
}

impl Observer for HoldsUp {
    fn pool_checked_out(&self, _: &PoolStatus, _: &PoolCheckout) {
        let held_up = self.0.lock().unwrap().pop().unwrap();
        if let Some(HeldUp { told, goes_on }) = held_up {
            told.send(()).unwrap();
            goes_on.recv().unwrap();
        }
    }
}

/// It waited in vain when it began, and asked again on a thread that goes on when it has ended.
#[tokio::test]
async fn a_permit_that_comes_when_its_job_has_ended_is_free_at_once() {
    let (told, is_told) = oneshot::channel();
    let (go_on, goes_on) = mpsc::channel();
    let second = Some(HeldUp { told, goes_on });
    let holds_up = HoldsUp(Mutex::new(vec![second, None]));
    let pool = SessionPool::builder()
        .max_size(1)
        .wait_timeout(Duration::ZERO)
        .observer(Arc::new(holds_up))
        .build();
    let [(has_it, it_is_had), (end, ends)] = [oneshot::channel::<()>(), oneshot::channel()];
    let holder = builder().pool(pool.clone()).open(async {
        has_it.send(()).unwrap();
        ends.await.unwrap();
        Ok::<_, OpenError>(())
    });
    let holder = tokio::spawn(holder);
    it_is_had.await.unwrap();
    let context = builder().pool(pool.clone()).leaks(LeakPolicy::Count);
    let job = context.drain_timeout(Duration::ZERO).job(async {
        end.send(()).unwrap();
        holder.await.unwrap().unwrap();
        let pool = pool.clone();
        let asks = spawn_blocking(move || (http_session().is_ok(), pool.status().used));
        is_told.await.unwrap();
        [asks]
    });
    let ([asks], report) = job.with_report().await;
    assert_eq!(report.unwrap().leaks.len(), 1, "the thread");
    assert_eq!(pool.status().used, 1);
    go_on.send(()).unwrap();
    assert_eq!(asks.await.unwrap(), (false, 0));
}

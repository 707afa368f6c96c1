//! The exit when the context is dropped: at once, and synchronously.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http_context::testing::Recorder;
use http_context::{FutureExt, OpenError, SessionClosed, builder, http_session, open};
use http_context_tests::{FactLines as _, Server, sockets};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

#[tokio::test]
async fn what_others_hold_is_cut_off_at_once() {
    let (server, recorder) = (Server::start(), Arc::new(Recorder::new()));
    let (hand_out, handed_out) = tokio::sync::oneshot::channel();
    let work = builder().observer(recorder.clone()).open(async {
        let session = http_session()?;
        let body = session.get(server.url("/slow-body")).send().await?;
        let request = tokio::spawn(session.get(server.url("/never")).send());
        server.wait_until(|counts| counts.held == 2).await;
        let _ = hand_out.send((body, request, session));
        std::future::pending::<Result<(), BoxError>>().await
    });
    let mut work = Box::pin(work);
    let (body, request, session) = tokio::select! {
        _ = &mut work => unreachable!("it waits for ever"),
        handed_out = handed_out => handed_out.unwrap(),
    };
    drop(work);
    // Synchronously: no await has passed.
    let last: Vec<_> = recorder.lines().into_iter().rev().take(3).collect();
    assert_eq!(last[0], "context_closed cancelled");
    assert_eq!(recorder.count("request_failed"), 1);
    assert_eq!(recorder.count("response_body_ended Aborted"), 1);
    assert!(session.is_closed());
    assert!(request.await.unwrap().unwrap_err().is_session_closed());
    assert!(SessionClosed::find(&body.bytes().await.unwrap_err()).is_some());
    server.wait_until(|counts| counts.open() == 0).await;
    assert_eq!(sockets::to(server.addr()).len(), 0);
}

#[tokio::test]
async fn aborting_the_task_of_a_context_closes_it() {
    let (server, recorder) = (Server::start(), Arc::new(Recorder::new()));
    let url = server.url("/never");
    let work = builder().observer(recorder.clone()).open(async move {
        http_session()?.get(url).send().await?;
        Ok::<_, BoxError>(())
    });
    let task = tokio::spawn(work);
    server.wait_until(|counts| counts.held == 1).await;
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    assert_eq!(recorder.count("request_cancelled"), 1);
    assert_eq!(recorder.last_line(), "context_closed cancelled");
    server.wait_until(|counts| counts.open() == 0).await;
}

#[tokio::test]
async fn children_of_a_dropped_context_get_an_error_at_their_next_lookup() {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let work = builder().open(async move {
        let child = async { http_session().is_err() }.in_current_http_context();
        let _ = sender.send(child);
        std::future::pending::<Result<(), BoxError>>().await
    });
    let mut work = Box::pin(work);
    let child =
        tokio::select! { _ = &mut work => unreachable!(), child = receiver => child.unwrap() };
    drop(work);
    assert!(child.await);
}

#[tokio::test]
async fn a_dropped_request_leaves_the_context_usable() {
    let (server, recorder) = (Server::start(), Arc::new(Recorder::new()));
    builder()
        .observer(recorder.clone())
        .open(async {
            let session = http_session()?;
            tokio::select! {
                biased;
                _ = session.get(server.url("/never")).send() => unreachable!(),
                _ = server.wait_until(|counts| counts.held == 1) => {}
            }
            drop(session.get(server.url("/slow-body")).send().await?);
            session.get(server.url("/ok")).send().await?.bytes().await?;
            Ok::<_, BoxError>(())
        })
        .await
        .unwrap();
    assert_eq!(
        (
            recorder.count("request_started"),
            recorder.count("request_cancelled")
        ),
        (3, 1)
    );
    assert_eq!(
        (
            recorder.count("response_body_ended Dropped"),
            recorder.count("response_body_ended Complete 2")
        ),
        (1, 1)
    );
}

/// Notes whether a context was bound when it was dropped.
struct Witness(Arc<AtomicBool>);

impl Drop for Witness {
    fn drop(&mut self) {
        self.0
            .store(http_context::current().is_some(), Ordering::SeqCst);
    }
}

#[tokio::test]
async fn what_the_work_holds_is_dropped_in_its_context_on_every_way_out() {
    let was_bound = Arc::new(AtomicBool::new(false));
    let witness = Witness(was_bound.clone());
    let ended = open(async move {
        let _witness = witness;
        Ok::<_, OpenError>(())
    });
    ended.await.unwrap();
    assert!(was_bound.swap(false, Ordering::SeqCst));

    let witness = Witness(was_bound.clone());
    let mut cut_off = Box::pin(open(async move {
        let _witness = witness;
        std::future::pending::<Result<(), OpenError>>().await
    }));
    assert!(futures_util::poll!(&mut cut_off).is_pending());
    drop(cut_off);
    assert!(was_bound.load(Ordering::SeqCst));
}

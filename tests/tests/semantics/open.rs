//! `open` with nothing bound: one session, and an exit on every way out.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt as _;
use http_context::testing::Recorder;
use http_context::{OpenError, Outcome, builder, current, http_session, open};
use http_context_tests::{FactLines as _, Server};

#[tokio::test]
async fn it_returns_what_the_work_returns() {
    let answer = open(async { Ok::<_, OpenError>(42) }).await;
    assert_eq!(answer.unwrap(), 42);
    let failure = open(async { Err::<(), Box<dyn std::error::Error>>("as it is".into()) }).await;
    assert_eq!(failure.unwrap_err().to_string(), "as it is");
}

#[tokio::test]
async fn work_is_a_future_or_an_async_closure() {
    let text = String::from("borrowed");
    let of_closure = open(async || Ok::<_, OpenError>(text.len())).await.unwrap();
    let of_moving = open(async move || Ok::<_, OpenError>(text.len()))
        .await
        .unwrap();
    let of_future = open(async { Ok::<_, OpenError>("borrowed".len()) })
        .await
        .unwrap();
    assert_eq!((of_closure, of_moving), (of_future, of_future));
}

#[tokio::test]
async fn its_future_can_be_spawned() {
    let work = open(async {
        tokio::task::yield_now().await;
        Ok::<_, OpenError>(http_session().is_ok())
    });
    assert!(tokio::spawn(work).await.unwrap().unwrap());
}

#[tokio::test]
async fn nothing_is_opened_before_the_first_poll() {
    let recorder = Arc::new(Recorder::new());
    let opened = builder()
        .observer(recorder.clone())
        .open(async { Ok::<_, OpenError>(()) });
    drop(opened);
    assert!(recorder.lines().is_empty());
}

#[tokio::test]
async fn one_session_is_built_and_closed_again() {
    let recorder = Arc::new(Recorder::new());
    builder()
        .observer(recorder.clone())
        .open(async {
            http_session().unwrap();
            http_session().unwrap();
            Ok::<_, OpenError>(())
        })
        .await
        .unwrap();
    let expected = [
        "context_opened",
        "session_opened created",
        "session_closed",
        "context_closed completed",
    ];
    assert_eq!(recorder.lines(), expected);
}

#[tokio::test]
async fn an_eager_context_builds_its_session_even_if_nobody_asks() {
    let recorder = Arc::new(Recorder::new());
    builder()
        .observer(recorder.clone())
        .open(async { Ok::<_, OpenError>(()) })
        .await
        .unwrap();
    assert_eq!(recorder.count("session_opened created"), 1);
}

/// What was bound before is bound again, on every way out.
fn nothing_is_bound() {
    assert!(current().is_none());
}

#[tokio::test]
async fn it_closes_on_return() {
    let server = Server::start();
    let (result, report) = builder()
        .open(async { get_ok(&server).await })
        .with_report()
        .await;
    result.unwrap();
    assert_eq!(report.unwrap().outcome, Outcome::Completed);
    assert_eq!(
        server
            .wait_until(|counts| counts.open() == 0)
            .await
            .accepted,
        1
    );
    nothing_is_bound();
}

#[tokio::test]
async fn it_closes_on_an_error_from_the_question_mark() {
    let server = Server::start();
    let work = async {
        get_ok(&server).await?;
        let nothing: Option<()> = None;
        nothing.ok_or("left early")?;
        unreachable!()
    };
    let (result, report): (Result<(), BoxError>, _) = open(work).with_report().await;
    assert_eq!(result.unwrap_err().to_string(), "left early");
    assert_eq!(report.unwrap().outcome, Outcome::Failed);
    server.wait_until(|counts| counts.open() == 0).await;
    nothing_is_bound();
}

#[tokio::test]
async fn it_closes_on_a_panic_which_reaches_the_caller_unchanged() {
    let (server, recorder) = (Server::start(), Arc::new(Recorder::new()));
    let work = builder().observer(recorder.clone()).open(async {
        get_ok(&server).await?;
        std::panic::panic_any(String::from("the payload"));
        #[allow(unreachable_code, reason = "names the type")]
        Ok::<(), BoxError>(())
    });
    let panic = AssertUnwindSafe(work).catch_unwind().await.unwrap_err();
    assert_eq!(panic.downcast_ref::<String>().unwrap(), "the payload");
    assert_eq!(recorder.last_line(), "context_closed panicked");
    server.wait_until(|counts| counts.open() == 0).await;
    nothing_is_bound();
}

#[tokio::test]
async fn a_panic_is_reported_as_one_when_the_task_that_had_it_is_spawned() {
    let recorder = Arc::new(Recorder::new());
    let work = builder().observer(recorder.clone()).open(async {
        assert!(http_session().is_err(), "panics");
        Ok::<_, OpenError>(())
    });
    assert!(tokio::spawn(work).await.unwrap_err().is_panic());
    assert_eq!(recorder.last_line(), "context_closed panicked");
}

#[tokio::test]
async fn it_closes_when_its_future_is_dropped() {
    let (server, recorder) = (Server::start(), Arc::new(Recorder::new()));
    let work = builder().observer(recorder.clone()).open(async {
        get_ok(&server).await?;
        http_session()?.get(server.url("/never")).send().await?;
        Ok::<_, BoxError>(())
    });
    tokio::select! {
        biased;
        _ = server.wait_until(|counts| counts.held == 1) => {}
        _ = work => unreachable!("the server never answers"),
    }
    assert_eq!(recorder.last_line(), "context_closed cancelled");
    server
        .wait_until(|counts| counts.open() == 0 && counts.aborted == 1)
        .await;
    nothing_is_bound();
}

#[tokio::test]
async fn dropped_for_a_panic_elsewhere_it_was_cancelled_and_did_not_panic() {
    let recorder = Arc::new(Recorder::new());
    let work = builder()
        .observer(recorder.clone())
        .open(async { std::future::pending::<Result<(), OpenError>>().await });
    let both = async {
        let mut work = std::pin::pin!(work);
        std::future::poll_fn(|cx| {
            assert!(work.as_mut().poll(cx).is_pending());
            std::task::Poll::Ready(())
        })
        .await;
        panic!("elsewhere");
    };
    AssertUnwindSafe(both).catch_unwind().await.unwrap_err();
    assert_eq!(recorder.last_line(), "context_closed cancelled");
}

#[tokio::test]
async fn a_drop_that_uses_the_session_still_finds_its_context() {
    struct AsksOnDrop(tokio::sync::oneshot::Sender<bool>, bool);
    impl AsksOnDrop {
        fn new() -> (Self, tokio::sync::oneshot::Receiver<bool>) {
            let (sender, receiver) = tokio::sync::oneshot::channel();
            (Self(sender, true), receiver)
        }
    }
    impl Drop for AsksOnDrop {
        fn drop(&mut self) {
            let (other, _) = tokio::sync::oneshot::channel();
            let _ = std::mem::replace(&mut self.0, other).send(http_session().is_ok() && self.1);
        }
    }
    let (asks, receiver) = AsksOnDrop::new();
    let work = open(async move {
        let _asks = asks;
        std::future::pending::<Result<(), OpenError>>().await
    });
    tokio::select! { biased; _ = work => {}, () = tokio::task::yield_now() => {} }
    assert!(
        receiver.await.unwrap(),
        "the work is dropped inside of its context"
    );
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

async fn get_ok(server: &Server) -> Result<(), BoxError> {
    let response = http_session()?.get(server.url("/ok")).send().await?;
    assert_eq!(response.text().await?, "ok");
    Ok(())
}

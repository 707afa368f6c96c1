//! A context that is dropped waits for nothing: what is held of it is cut off in the background.

use std::future::pending;

use futures_util::FutureExt as _;
use http_context::testing::{Fact, Recorder};
use http_context::{ContextBuilder, HeldSocket, LeakPolicy, Outcome};
use http_context_tests::{Server, crowd, sockets};

use crate::{BoxError, Held, check, held, recorded, resolved};

/// What is held of a context that was cancelled.
async fn held_after_cancel(server: &Server, context: ContextBuilder) -> Held {
    let (holds, holder) = tokio::sync::oneshot::channel();
    let work = context.open(async {
        holds.send(held(server)?).unwrap();
        pending::<Result<(), BoxError>>().await
    });
    tokio::select! {
        _ = work => unreachable!("it never ends"),
        held = holder => held.unwrap(),
    }
}

async fn cut_in_the_background(server: &Server, recorder: &Recorder, held: Held) {
    assert!(!held.has_ended(), "nothing was waited for");
    assert_eq!(recorder.leaks().len(), 0);
    recorder
        .wait_for(|fact| matches!(fact, Fact::Leak(_)))
        .await;
    check(&recorder.leaks(), server, HeldSocket::Cut);
    assert!(held.has_ended());
    server.wait_until(|counts| counts.open() == 0).await;
    sockets::wait_until(server.addr(), 0).await;
    resolved(recorder).await;
    drop(held);
}

#[tokio::test]
#[cfg_attr(http_context_no_kernel, ignore = "nobody shows that it is held")]
async fn one_that_is_cancelled() {
    let (server, (recorder, context)) = (Server::start(), recorded());
    let held = held_after_cancel(&server, context).await;
    assert_eq!(recorder.reports()[0].outcome, Outcome::Cancelled);
    cut_in_the_background(&server, &recorder, held).await;
}

#[tokio::test]
#[cfg_attr(http_context_no_kernel, ignore = "nobody shows that it is held")]
async fn one_of_many_contexts() {
    let (server, (recorder, context)) = (Server::start(), recorded());
    let held = held_after_cancel(&server, context).await;
    crowd().await;
    server.wait_until(|counts| counts.open() == 0).await;
    resolved(&recorder).await;
    assert!(held.has_ended());
}

#[tokio::test]
#[cfg_attr(http_context_no_kernel, ignore = "nobody shows that it is held")]
async fn one_that_panics() {
    let (server, (recorder, context)) = (Server::start(), recorded());
    let mut kept = None;
    let work = context.open(async {
        kept = Some(held(&server)?);
        std::panic::resume_unwind(Box::new("on purpose"));
        #[expect(unreachable_code, reason = "it says what the work would return")]
        Ok::<_, BoxError>(())
    });
    let panicked = std::panic::AssertUnwindSafe(work).catch_unwind().await;
    assert!(panicked.is_err());
    assert_eq!(recorder.reports()[0].outcome, Outcome::Panicked);
    cut_in_the_background(&server, &recorder, kept.unwrap()).await;
}

#[tokio::test]
#[cfg_attr(http_context_no_kernel, ignore = "nobody shows that it is held")]
async fn one_whose_exit_is_given_up() {
    let (server, (recorder, context)) = (Server::start(), recorded());
    let mut kept = None;
    let mut work = Box::pin(context.open(async {
        kept = Some(held(&server)?);
        Ok::<_, BoxError>(())
    }));
    let exit = |fact: &Fact| matches!(fact, Fact::SessionClosed { .. });
    tokio::select! {
        _ = &mut work => unreachable!("the exit waits for what is held"),
        _ = recorder.wait_for(exit) => {}
    }
    drop(work);
    cut_in_the_background(&server, &recorder, kept.unwrap()).await;
}

#[tokio::test]
#[cfg_attr(http_context_no_kernel, ignore = "nobody shows that it is held")]
async fn only_one_whose_leaks_are_looked_for() {
    let (server, (recorder, context)) = (Server::start(), recorded());
    let (unwatched, other) = (Server::start(), context.clone().leaks(LeakPolicy::Off));
    let mut kept = Vec::new();
    for (server, context) in [(&unwatched, other), (&server, context)] {
        let mut work = Box::pin(context.open(async {
            kept.push(held(server)?);
            Ok::<_, BoxError>(())
        }));
        // The first ends at once, with nothing to wait for.
        let exit = |fact: &Fact| matches!(fact, Fact::SessionClosed { .. });
        tokio::select! {
            biased;
            _ = &mut work => {}
            _ = recorder.wait_for(exit) => {}
        }
        drop(work);
    }
    // The second closed last.
    cut_in_the_background(&server, &recorder, kept.pop().unwrap()).await;
    assert!(!kept[0].has_ended());
    assert_eq!(unwatched.counts().open(), 1);
}

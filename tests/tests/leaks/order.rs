//! A leak is reported before it is resolved, whenever that happens, so that a count of what is
//! open never dips below what is.

use std::sync::Arc;

use http_context::http_session;
use http_context::testing::{Fact, Recorder};
use http_context_tests::Server;

use crate::support::{BoxError, recorded};

/// The lowest and the last count of leaks that are open, as an observer sees them.
fn open_leaks(recorder: &Recorder) -> (i64, i64) {
    let counted = |leak: &http_context::Leak| i64::try_from(leak.count).unwrap();
    let (mut lowest, mut open) = (0, 0);
    for fact in recorder.facts() {
        match fact {
            Fact::Leak(leak) => open += counted(&leak),
            Fact::LeakResolved(leak) => open -= counted(&leak),
            _ => {}
        }
        lowest = lowest.min(open);
    }
    (lowest, open)
}

/// Work that leaves a body behind, in a task that releases it as soon as it is cut off.
async fn leave_a_body(server: Arc<Server>) -> Result<(), BoxError> {
    let response = http_session()?.get(server.url("/slow-body")).send().await?;
    tokio::spawn(async move {
        assert!(response.bytes().await.is_err());
    });
    server.wait_until(|counts| counts.held == 1).await;
    Ok(())
}

#[tokio::test]
async fn a_body_that_is_released_while_the_exit_waits_for_sockets_is_reported_as_leaked_first() {
    let (server, (recorder, context)) = (Arc::new(Server::start()), recorded());
    context
        .open(leave_a_body(Arc::clone(&server)))
        .await
        .unwrap();
    assert_eq!(recorder.leaks().len(), 1);
    recorder
        .wait_for(|fact| matches!(fact, Fact::LeakResolved(_)))
        .await;
    assert_eq!(open_leaks(&recorder), (0, 0));
}

#[tokio::test]
async fn an_exit_that_is_dropped_reports_what_it_has_found() {
    let (server, (recorder, context)) = (Arc::new(Server::start()), recorded());
    let mut open = Box::pin(context.open(leave_a_body(Arc::clone(&server))));
    // Dropped where the exit waits for the sockets to close: its leaks are found, and not reported.
    let cut_off = |fact: &Fact| matches!(fact, Fact::ResponseBodyEnded { .. });
    tokio::select! {
        biased;
        _ = recorder.wait_for(cut_off) => {}
        _ = &mut open => panic!("the exit takes a turn of the runtime at least"),
    }
    drop(open);
    assert_eq!(recorder.reports().len(), 1);
    assert_eq!(recorder.leaks().len(), 1);
    recorder
        .wait_for(|fact| matches!(fact, Fact::LeakResolved(_)))
        .await;
    assert_eq!(open_leaks(&recorder), (0, 0));
}

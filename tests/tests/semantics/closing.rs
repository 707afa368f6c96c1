//! What would go on for ever hears of the exit, and ends in time.

use std::time::Duration;

use futures_util::FutureExt as _;
use http_context::{OpenError, builder, closing, current, http_session, open, spawn};
use http_context_tests::Server;
use tokio::sync::oneshot;

#[tokio::test]
async fn a_stream_that_ends_when_its_context_closes_costs_the_exit_nothing() {
    let server = Server::start();
    let long = Duration::from_mins(1);
    let work = builder().drain_timeout(long).open(async {
        let mut response = http_session()?
            .get(server.url("/slow-body"))
            .send()
            .await
            .unwrap();
        let closing = closing();
        spawn(async move {
            tokio::pin!(closing);
            let mut chunks = 0;
            loop {
                tokio::select! {
                    () = &mut closing => return chunks,
                    chunk = response.chunk() => chunks += u32::from(chunk.unwrap().is_some()),
                }
            }
        });
        Ok::<_, OpenError>(())
    });
    let report = work.with_report().await.1.unwrap();
    assert!(report.is_clean(), "{report}");
    assert!(report.exit_duration < long / 2, "{report}");
    assert_eq!(
        server
            .wait_until(|counts| counts.open() == 0)
            .await
            .requests,
        1
    );
}

#[tokio::test]
async fn it_begins_with_the_exit_and_lasts() {
    let (context, waits) = open(async {
        let context = current().unwrap();
        let mut waits = Box::pin(closing());
        assert_eq!((&mut waits).now_or_never(), None);
        assert_eq!(context.closing().now_or_never(), None);
        Ok::<_, OpenError>((context, waits))
    })
    .await
    .unwrap();
    assert_eq!(waits.now_or_never(), Some(()));
    assert_eq!(context.closing().now_or_never(), Some(()));
}

#[tokio::test]
async fn what_is_under_way_goes_on_while_it_closes_and_nothing_new_is_admitted() {
    let server = Server::start();
    let work = open(async {
        let session = http_session()?;
        let body = session.get(server.url("/slow-body")).send().await.unwrap();
        let (closing, gate) = (closing(), server.gate());
        spawn(async move {
            closing.await;
            gate.open();
            assert_eq!(body.text().await.unwrap(), "firstrest.");
            let refused = session.get("http://127.0.0.1:1/").send().await;
            assert!(refused.unwrap_err().is_session_closed());
        });
        Ok::<_, OpenError>(())
    });
    let report = work.with_report().await.1.unwrap();
    assert!(report.is_clean(), "{report}");
}

#[tokio::test]
async fn a_context_that_is_dropped_or_panics_closes_too() {
    for panics in [false, true] {
        let (sender, receiver) = oneshot::channel();
        let work = tokio::spawn(open(async move {
            let _ = sender.send(current().unwrap().closing());
            assert!(!panics, "on purpose");
            std::future::pending::<Result<(), OpenError>>().await
        }));
        let closing = receiver.await.unwrap();
        work.abort();
        closing.await;
    }
}

#[tokio::test]
async fn many_hear_of_it_and_one_that_was_given_up_hears_nothing() {
    let ended = open(async {
        drop(closing());
        let waiting: Vec<_> = (0..100).map(|_| tokio::spawn(closing())).collect();
        tokio::task::yield_now().await;
        assert!(waiting.iter().all(|one| !one.is_finished()));
        Ok::<_, OpenError>(waiting)
    })
    .await
    .unwrap();
    for one in ended {
        one.await.unwrap();
    }
}

#[tokio::test]
async fn where_no_context_is_bound_nothing_closes() {
    assert_eq!(closing().now_or_never(), None);
    // The one that it was made in counts, and not the one that it is polled in.
    let unbound = closing();
    let work = open(async { Ok::<_, OpenError>(unbound) });
    assert_eq!(work.await.unwrap().now_or_never(), None);
}

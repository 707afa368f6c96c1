//! Exits: draining, closing, verifying; and sessions that are closed early.

use http_context::{JoinSet, http_session};

use crate::BoxError;
use crate::rig::{Protocol, at_each_await, over_both};

#[tokio::test]
async fn an_exit_that_drains() {
    over_both(async |rig, cut| {
        let (slow, long) = (
            rig.server.url("/slow-body"),
            rig.server.url("/chunked/30/2000"),
        );
        let (done, all_done) = tokio::sync::oneshot::channel::<()>();
        let opened = rig.context().open(async {
            let session = http_session()?;
            // Children and requests that the exit has to wait for.
            let child = async move {
                let response = session.get(slow).send().await?;
                drop((response.bytes().await?, session, done));
                Ok::<_, BoxError>(())
            };
            http_context::spawn(child);
            let request = http_session()?.get(long).send();
            tokio::spawn(async move {
                if let Ok(response) = request.await {
                    let _ = response.bytes().await;
                }
            });
            Ok::<_, BoxError>(())
        });
        let ended = cut.run(opened).await;
        let _ = all_done.await;
        ended.map(Result::unwrap).is_some()
    })
    .await;
}

#[tokio::test]
async fn an_exit_that_waits_for_aborted_children() {
    // The children have a connection each over HTTP/1.1; over HTTP/2 they share the first.
    over_both(async |rig, cut| {
        let never = rig.server.url("/never");
        let opened = rig.context().open(async {
            rig.get("/ok").await?.bytes().await?;
            let mut children = JoinSet::new();
            for _ in 0..2 {
                let request = http_session()?.get(never.as_str()).send();
                children.spawn(async move { request.await.map(drop).map_err(BoxError::from) });
            }
            tokio::task::yield_now().await;
            drop(children);
            rig.get("/ok").await?.bytes().await?;
            Ok::<_, BoxError>(())
        });
        let ended = cut.run(opened).await;
        rig.nothing_is_open_now();
        ended.map(Result::unwrap).is_some()
    })
    .await;
}

#[tokio::test]
async fn an_exit_that_cuts_off() {
    // Leaks would be reported here, and rightly; they are not looked for.
    at_each_await(Protocol::Http1, async |rig, cut| {
        let never = rig.server.url("/never");
        let context = rig
            .context()
            .leaks(http_context::LeakPolicy::Off)
            .drain_timeout(std::time::Duration::ZERO);
        let opened = context.open(async {
            let request = http_session()?.get(never).send();
            let request = tokio::spawn(request);
            rig.server.wait_until(|counts| counts.held > 0).await;
            Ok::<_, BoxError>(request)
        });
        let ended = cut.run(opened).await;
        rig.nothing_is_open_now();
        let ended = match ended {
            Some(request) => Some(request.unwrap().await.unwrap().unwrap_err()),
            None => None,
        };
        rig.server.wait_until(|counts| counts.held == 0).await;
        ended.is_some_and(|error| error.is_session_closed())
    })
    .await;
}

#[tokio::test]
async fn a_session_that_is_closed_early_and_opened_again() {
    over_both(async |rig, cut| {
        let opened = rig.context().open(async {
            for _ in 0..2 {
                rig.get("/ok").await?.bytes().await?;
                let body = rig.get("/slow-body").await?;
                http_session()?.close();
                assert!(body.bytes().await.is_err());
            }
            rig.get("/ok").await?.bytes().await?;
            Ok::<_, BoxError>(())
        });
        let ended = cut.run(opened).await;
        rig.nothing_is_open_now();
        ended.map(Result::unwrap).is_some()
    })
    .await;
}

//! Child tasks, and those who wait for them.

use http_context::{FutureExt as _, JoinSet, http_session};

use crate::BoxError;
use crate::rig::{Rig, over_both};

/// The work of a child: a request, read to its end.
fn child(rig: &Rig) -> impl Future<Output = Result<usize, BoxError>> + Send + 'static {
    let url = rig.server.url("/chunked/3/2000");
    async move {
        let response = http_session()?.get(url).send().await?;
        Ok(response.bytes().await?.len())
    }
}

#[tokio::test]
async fn a_join_that_is_given_up_leaves_the_child_to_its_context() {
    over_both(async |rig, cut| {
        let url = rig.server.url("/chunked/3/2000");
        let opened = rig.context().open(async {
            // Its handle was taken before, so that a late start is no use after the exit.
            let request = http_session()?.get(url).send();
            let child =
                http_context::spawn(
                    async move { Ok::<_, BoxError>(request.await?.bytes().await?) },
                );
            let child = async { Ok::<_, BoxError>(child.await??.len()) };
            Ok::<_, BoxError>(cut.run(child).await)
        });
        // The exit waits for the child, and so nothing leaks.
        let ended = opened.await.unwrap();
        rig.nothing_is_open_now();
        ended.is_some_and(|bytes| bytes.unwrap() == 6_000)
    })
    .await;
}

#[tokio::test]
async fn a_context_that_is_dropped_with_children_of_a_set() {
    over_both(async |rig, cut| {
        let opened = rig.context().open(async {
            let mut children = JoinSet::new();
            for _ in 0..3 {
                children.spawn(child(rig));
            }
            while let Some(child) = children.join_next().await {
                child??;
            }
            Ok::<_, BoxError>(())
        });
        let ended = cut.run(opened).await;
        rig.nothing_is_open_now();
        ended.map(Result::unwrap).is_some()
    })
    .await;
}

#[tokio::test]
async fn a_set_that_is_dropped_inside_its_context() {
    over_both(async |rig, cut| {
        let opened = rig.context().open(async {
            let joined = async {
                let mut children = JoinSet::new();
                children.spawn(child(rig));
                children.spawn(child(rig));
                // Its handle is taken here: no abort stops a thread that has started, however late,
                // and a lookup would be a use after the exit then.
                let session = http_session()?;
                children.spawn_blocking(move || Ok(usize::from(session.is_closed())));
                while let Some(child) = children.join_next().await {
                    child??;
                }
                Ok::<_, BoxError>(())
            };
            Ok::<_, BoxError>(cut.run(joined).await.transpose()?.is_some())
        });
        let ended = opened.await.unwrap();
        rig.nothing_is_open_now();
        ended
    })
    .await;
}

#[tokio::test]
async fn a_future_that_carries_the_context() {
    over_both(async |rig, cut| {
        let opened = rig.context().open(async {
            let carried = child(rig).in_current_http_context();
            Ok::<_, BoxError>(cut.run(carried).await.transpose()?.is_some())
        });
        let ended = opened.await.unwrap();
        rig.nothing_is_open_now();
        ended
    })
    .await;
}

#[tokio::test]
async fn a_context_that_is_dropped_while_detached_children_are_at_work() {
    over_both(async |rig, cut| {
        let (done, all_done) = tokio::sync::oneshot::channel::<()>();
        let opened = rig.context().open(async {
            let session = http_session()?;
            let url = rig.server.url("/slow-body");
            let child = http_context::spawn(async move {
                // Its handle was taken before, so that this is no use after the exit.
                if let Ok(response) = session.get(url).send().await {
                    let _ = response.bytes().await;
                }
                drop((session, done));
            });
            child.await?;
            Ok::<_, BoxError>(())
        });
        let ended = cut.run(opened).await;
        let _ = all_done.await;
        ended.map(Result::unwrap).is_some()
    })
    .await;
}

//! The check of the whole process.

use http_context::{NoOpenContexts, OpenError};

use crate::support::recorded;

#[tokio::test]
async fn a_context_that_closes_while_it_looks_is_not_reported() {
    let (_, context) = recorded();
    let (close, closed) = tokio::sync::oneshot::channel::<()>();
    let task = tokio::spawn(context.name("closing").open(async {
        closed.await.unwrap();
        Ok::<_, OpenError>(())
    }));
    tokio::task::yield_now().await;
    let only_that = || NoOpenContexts::new().ignore(|context| context.name() != Some("closing"));
    assert!(only_that().check_now().is_err());
    let check = tokio::spawn(only_that().check());
    tokio::task::yield_now().await;
    close.send(()).unwrap();
    check.await.unwrap().unwrap();
    task.await.unwrap().unwrap();
}

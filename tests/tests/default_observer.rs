//! The observer of the process: one test in a process of its own.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, and says where"
)]

use std::sync::Arc;

use http_context::testing::Recorder;
use http_context::{OpenError, builder, open, set_default_observer};

#[tokio::test]
async fn it_is_installed_once_and_observes_beside_those_of_a_context() {
    let (before, process, own) = (
        open(async { Ok::<_, OpenError>(()) }),
        Arc::new(Recorder::new()),
        Arc::new(Recorder::new()),
    );
    let mut open_already =
        Box::pin(builder().open(std::future::pending::<Result<(), OpenError>>()));
    assert!(futures_util::poll!(&mut open_already).is_pending());

    set_default_observer(process.clone()).unwrap();
    let error = set_default_observer(own.clone()).unwrap_err();
    assert!(error.to_string().contains("already installed"));

    drop(open_already);
    assert!(
        process.facts().is_empty(),
        "one that was open is not affected"
    );
    before.await.unwrap();
    assert_eq!(process.reports().len(), 1, "opened by its first poll");
    builder()
        .observer(own.clone())
        .open(async { Ok::<_, OpenError>(()) })
        .await
        .unwrap();
    assert_eq!((process.reports().len(), own.reports().len()), (2, 1));
    let both = own.names();
    assert_eq!(both.len(), 4, "{both:?}");
    assert!(
        process.names().ends_with(&both),
        "each fact of that context"
    );
}

//! `open` and its variants.

use http_context::{ContextBuilder, NestedPolicy, OpenError, current, http_session};
use tower::{ServiceExt as _, service_fn};

use crate::BoxError;
use crate::cut::Cut;
use crate::rig::{Protocol, Rig, at_each_await, over_both};

/// Two requests, one after the other and then two at once, read in different ways.
async fn work(rig: &Rig) -> Result<(), BoxError> {
    rig.get("/ok").await?.bytes().await?;
    let (first, second) =
        futures_util::future::join(rig.get("/slow-body"), rig.get("/chunked/3/5")).await;
    first?.text().await?;
    drop(second?);
    Ok(())
}

/// Opens with these options, is cut, and leaves nothing open behind.
async fn opened(rig: &Rig, cut: Cut, context: ContextBuilder) -> bool {
    let ended = cut.run(context.open(work(rig))).await;
    rig.nothing_is_open_now();
    ended.map(Result::unwrap).is_some()
}

#[tokio::test]
async fn a_fresh_context() {
    over_both(async |rig, cut| opened(rig, cut, rig.context()).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fresh_context_whose_connections_run_on_other_threads() {
    over_both(async |rig, cut| opened(rig, cut, rig.context()).await).await;
}

#[tokio::test]
async fn a_lazy_context() {
    over_both(async |rig, cut| opened(rig, cut, rig.context().lazy()).await).await;
}

#[tokio::test]
async fn a_context_that_hands_over_its_report() {
    over_both(async |rig, cut| {
        let ended = cut.run(rig.context().open(work(rig)).with_report()).await;
        rig.nothing_is_open_now();
        ended.is_some_and(|(_, report)| report.unwrap().is_clean())
    })
    .await;
}

#[tokio::test]
async fn the_call_of_a_service_in_a_layer() {
    over_both(async |rig, cut| {
        let service = tower::ServiceBuilder::new()
            .layer(rig.context().layer())
            .service(service_fn(|rig: std::sync::Arc<String>| async move {
                let response = http_session()?.get(rig.as_str()).send().await?;
                Ok::<_, BoxError>(response.bytes().await?)
            }));
        let url = std::sync::Arc::new(rig.server.url("/bytes/70000"));
        let ended = cut.run(service.oneshot(url)).await;
        rig.nothing_is_open_now();
        ended.map(Result::unwrap).is_some()
    })
    .await;
}

/// A nested open that is cut leaves the outer context as it was.
async fn nested(policy: NestedPolicy) {
    over_both(async |rig, cut| {
        let outer = rig.context().nested(policy).open(async {
            let session = http_session()?;
            let ended = cut.run(rig.context().open(work(rig))).await;
            assert_eq!(current().unwrap().requests_in_flight(), 0);
            assert_eq!(http_session()?, session, "the outer one is bound again");
            rig.get("/ok").await?.bytes().await?;
            Ok::<_, BoxError>(ended)
        });
        let ended = outer.await.unwrap();
        rig.nothing_is_open_now();
        ended.map(Result::unwrap).is_some()
    })
    .await;
}

#[tokio::test]
async fn a_nested_context_that_passes_through() {
    nested(NestedPolicy::PassThrough).await;
}

#[tokio::test]
async fn a_nested_context_that_warns() {
    nested(NestedPolicy::Warn).await;
}

#[tokio::test]
async fn a_nested_context_of_its_own() {
    nested(NestedPolicy::Isolate).await;
}

#[tokio::test]
async fn a_context_inside_a_task_that_is_aborted() {
    // The cut is made by the runtime: the task waits for a gate, at each of its awaits in turn.
    at_each_await(Protocol::Http1, async |rig, cut| {
        let (context, url) = (rig.context(), rig.server.url("/slow-body"));
        let task = tokio::spawn(context.open(async move {
            let response = http_session()?.get(url).send().await?;
            response.bytes().await?;
            Ok::<_, BoxError>(())
        }));
        let abort = task.abort_handle();
        let turns = async {
            for _ in 0..30 {
                tokio::task::yield_now().await;
            }
        };
        let ended = cut.run(turns).await.is_some();
        abort.abort();
        match task.await {
            Ok(result) => result.unwrap(),
            Err(aborted) => assert!(aborted.is_cancelled()),
        }
        rig.nothing_is_open_now();
        ended
    })
    .await;
}

#[tokio::test]
async fn a_check_for_open_contexts() {
    at_each_await(Protocol::Http1, async |rig, cut| {
        let held = std::future::pending::<Result<(), OpenError>>();
        let mut held = Box::pin(rig.context().open(held));
        assert!(futures_util::poll!(&mut held).is_pending());
        let name = rig.name().to_owned();
        let check = http_context::NoOpenContexts::new()
            .pause(std::time::Duration::from_millis(1))
            .ignore(move |context| context.name() != Some(&name));
        let close = async move {
            tokio::task::yield_now().await;
            drop(held);
        };
        let both = futures_util::future::join(check.check(), close);
        let ended = cut.run(both).await;
        rig.nothing_is_open_now();
        ended.map(|(checked, ())| checked.unwrap()).is_some()
    })
    .await;
}

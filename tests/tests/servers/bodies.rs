//! The layer by itself: who calls the service, and what becomes of the bodies that it gives.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::poll;
use http_body::Body as _;
use http_body_util::{BodyExt as _, Full};
use http_context::testing::{Fact, Recorder};
use http_context::{ContextBody, LeakPolicy, Outcome, http_session};
use http_context_tests::Server;
use tower::limit::ConcurrencyLimit;
use tower::{Layer as _, Service, ServiceExt as _};

use crate::context;

type Answer = http::Response<ContextBody<Full<Bytes>>>;

/// A service under the layer that answers with these bytes, one call after the other.
fn answers(
    with: &'static [u8],
) -> (
    impl Service<(), Response = Answer, Error = Infallible>,
    Arc<Recorder>,
) {
    let handler = tower::service_fn(move |()| async move {
        let body = Full::new(Bytes::from_static(with));
        Ok::<_, Infallible>(http::Response::new(body))
    });
    let recorder = Arc::new(Recorder::new());
    let layer = context().observer(recorder.clone()).http_layer();
    (layer.layer(ConcurrencyLimit::new(handler, 1)), recorder)
}

fn outcome(recorder: &Recorder) -> Outcome {
    let reports = recorder.reports();
    let [report] = &reports[..] else {
        panic!("{reports:?}")
    };
    assert!(report.is_clean(), "{report}");
    report.outcome
}

#[tokio::test]
async fn a_service_that_takes_no_more_calls_is_waited_for() {
    let (mut service, _) = answers(b"whole");
    let call = service.ready().await.unwrap().call(());
    assert!(poll!(pin!(service.ready())).is_pending());
    call.await.unwrap();
    service.ready().await.unwrap();
}

#[tokio::test]
async fn a_body_that_is_dropped_before_its_end_cancels_its_context() {
    let (service, recorder) = answers(b"whole");
    let body = service.oneshot(()).await.unwrap().into_body();
    assert!(!body.is_end_stream());
    assert_eq!(body.size_hint().exact(), Some(5));
    assert_eq!(recorder.reports().len(), 0);
    drop(body);
    assert_eq!(outcome(&recorder), Outcome::Cancelled);
}

#[tokio::test]
async fn a_body_says_that_it_has_ended_and_completes_its_context_though_nobody_polls_it_again() {
    for with in [&b"whole"[..], b""] {
        let (service, recorder) = answers(with);
        let mut body = service.oneshot(()).await.unwrap().into_body();
        if !with.is_empty() {
            let frame = body.frame().await.unwrap().unwrap();
            assert_eq!(frame.into_data().unwrap(), with);
        }
        assert!(body.is_end_stream());
        assert_eq!(body.size_hint().exact(), Some(0));
        drop(body);
        assert_eq!(outcome(&recorder), Outcome::Completed);
    }
}

/// In a task of its own: whoever has read the body waits for nothing.
#[tokio::test]
async fn a_leak_panics_where_that_was_asked_for_and_nowhere_else() {
    let (said, mut panics) = tokio::sync::mpsc::unbounded_channel();
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let text = panic.payload_as_str().unwrap_or_default().to_owned();
        // Those of other tests go nowhere once this one has ended.
        let _ = said.send(text);
        before(panic);
    }));
    let (server, (keep, mut kept)) = (Server::start(), tokio::sync::mpsc::unbounded_channel());
    for policy in [LeakPolicy::Count, LeakPolicy::Panic] {
        let (url, keep) = (server.url("/ok"), keep.clone());
        let handler = tower::service_fn(move |()| {
            let (url, keep) = (url.clone(), keep.clone());
            async move {
                let session = http_session().unwrap();
                session
                    .get(url)
                    .send()
                    .await
                    .unwrap()
                    .bytes()
                    .await
                    .unwrap();
                keep.send(session).unwrap();
                let body = Full::new(Bytes::from_static(b"whole"));
                Ok::<_, Infallible>(http::Response::new(body))
            }
        });
        let recorder = Arc::new(Recorder::new());
        let context = context().leaks(policy).name(format!("leaks by {policy:?}"));
        let layer = context.observer(recorder.clone()).http_layer();
        let answer = layer.layer(handler).oneshot(()).await.unwrap();
        answer.into_body().collect().await.unwrap();
        let is_exit = |fact: &Fact| matches!(fact, Fact::ContextClosed(_));
        recorder.wait_for(is_exit).await;
        assert_eq!(recorder.leaks().len(), 1);
        drop(kept.recv().await);
    }
    // What the first has not said by now comes before this one.
    let first = loop {
        let said = panics.recv().await.unwrap();
        if said.contains("leaks by") {
            break said;
        }
    };
    assert!(first.contains("leaks by Panic"), "{first}");
}

//! The layer by itself: who calls the service, and what becomes of the bodies that it gives.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::poll;
use http_body::Body as _;
use http_body_util::{BodyExt as _, Full};
use http_context::testing::Recorder;
use http_context::{ContextBody, Outcome};
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

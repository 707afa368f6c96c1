//! Jobs are bound lazily, by the builder or by the tower layer.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use http_context::testing::Recorder;
use http_context::{
    ContextLayer, Open, OpenError, SessionId, builder, current, http_session, open,
};
use http_context_tests::{FactLines as _, Server};
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};

#[tokio::test]
async fn a_job_without_a_request_builds_no_client() {
    let recorder = Arc::new(Recorder::new());
    let lazy = builder().lazy().observer(recorder.clone());
    lazy.open(async { Ok::<_, OpenError>(()) }).await.unwrap();
    assert_eq!(
        recorder.lines(),
        ["context_opened", "context_closed completed"]
    );
}

#[tokio::test]
async fn the_session_is_built_at_the_first_lookup_and_once() {
    let recorder = Arc::new(Recorder::new());
    builder()
        .lazy()
        .observer(recorder.clone())
        .open(async {
            assert_eq!(recorder.count("session_"), 0);
            let ids: Vec<SessionId> = (0..3).map(|_| http_session().unwrap().id()).collect();
            assert_eq!(ids, [ids[0]; 3]);
            Ok::<_, OpenError>(())
        })
        .await
        .unwrap();
    assert_eq!(recorder.count("session_opened created"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_tasks_that_ask_first_at_once_get_one_session() {
    let recorder = Arc::new(Recorder::new());
    for _ in 0..50 {
        let lazy = builder().lazy().observer(recorder.clone());
        lazy.open(async {
            let mut tasks = http_context::JoinSet::new();
            for _ in 0..8 {
                tasks.spawn(async { http_session().unwrap().id() });
            }
            let ids = tasks.into_inner().join_all().await;
            assert_eq!(ids, vec![ids[0]; 8]);
            Ok::<_, OpenError>(())
        })
        .await
        .unwrap();
    }
    assert_eq!(recorder.count("session_opened created"), 50);
}

#[tokio::test]
async fn the_layer_gives_each_call_a_context_of_its_own_and_closes_it() {
    let (server, recorder) = (Server::start(), Arc::new(Recorder::new()));
    let url = server.url("/ok");
    let handler = service_fn(move |(): ()| {
        let url = url.clone();
        async move {
            let session = http_session().unwrap();
            session.get(url).send().await.unwrap();
            Ok::<_, Infallible>(session.id())
        }
    });
    let layer = builder().observer(recorder.clone()).layer();
    let mut service = ServiceBuilder::new().layer(layer).service(handler);
    let one = service.ready().await.unwrap().call(()).await.unwrap();
    let two = service.ready().await.unwrap().call(()).await.unwrap();
    assert_ne!(one, two);
    assert_eq!(recorder.count("context_closed completed"), 2);
    server
        .wait_until(|counts| counts.accepted == 2 && counts.open() == 0)
        .await;
}

#[tokio::test]
async fn the_layer_isolates_a_call_from_a_context_that_is_bound() {
    let service = || {
        ServiceBuilder::new()
            .layer(builder().layer())
            .service(service_fn(|()| async {
                Ok::<_, Infallible>(http_session().unwrap().id())
            }))
    };
    let denies = builder().nested(http_context::NestedPolicy::Deny);
    denies
        .open(async {
            let outer = http_session().unwrap().id();
            assert_ne!(service().oneshot(()).await.unwrap(), outer);
            Ok::<_, OpenError>(())
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn the_context_of_a_call_is_opened_where_its_layer_was_made() {
    let line = line!() + 1;
    let layer = builder().layer();
    let service = ServiceBuilder::new()
        .layer(layer)
        .service(service_fn(|()| async {
            Ok::<_, Infallible>(current().unwrap().opened_at())
        }));
    let place = service.oneshot(()).await.unwrap();
    assert!(place.file().ends_with("job_binding.rs"), "{place}");
    assert_eq!(place.line(), line);
}

/// A layer, and an `open`, of the same call site.
#[track_caller]
fn layer_and_open() -> (
    ContextLayer,
    Open<impl Future<Output = Result<(), OpenError>>>,
) {
    (builder().layer(), open(std::future::ready(Ok(()))))
}

#[tokio::test]
async fn the_layer_isolates_a_call_also_where_an_open_of_its_call_site_has_passed_through() {
    open(async {
        let outer = current().unwrap();
        let (layer, passes_through) = layer_and_open();
        passes_through.await?;
        let service = ServiceBuilder::new()
            .layer(layer)
            .service(service_fn(|()| async {
                Ok::<_, OpenError>(current().unwrap())
            }));
        assert_ne!(service.oneshot(()).await?, outer);
        Ok::<_, OpenError>(())
    })
    .await
    .unwrap();
}

/// A service that has ended.
struct Ended;

impl Service<()> for Ended {
    type Response = ();
    type Error = &'static str;
    type Future = std::future::Ready<Result<(), &'static str>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        Poll::Ready(Err("ended"))
    }

    fn call(&mut self, (): ()) -> Self::Future {
        unreachable!("it is never ready")
    }
}

#[tokio::test]
async fn the_layer_is_ready_when_what_it_wraps_is() {
    let layer = builder().layer();
    let mut service = ServiceBuilder::new().layer(layer).service(Ended);
    assert_eq!(service.ready().await.err(), Some("ended"));
}

#[tokio::test]
async fn a_call_that_fails_is_reported_as_failed() {
    let recorder = Arc::new(Recorder::new());
    let layer = builder().observer(recorder.clone()).layer();
    let service = ServiceBuilder::new()
        .layer(layer)
        .service(service_fn(|()| async { Err::<(), _>("broken") }));
    assert_eq!(service.oneshot(()).await, Err("broken"));
    assert_eq!(recorder.last_line(), "context_closed failed");
}

//! An axum service, each call of which has a context: it lasts until the last byte of the response, so
//! that a handler can stream on what it gets.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use futures_util::{StreamExt as _, stream};
use http_context::testing::{Fact, Recorder};
use http_context::{ExitReport, LeakKind, Outcome, builder, http_session};
use http_context_sdks::{BoxError, Server, accounted, leak_at};
use serde_json::{Value, json};
use tokio::sync::Notify;

/// A service that knows no client: its handlers ask for the session.
fn service(observer: Arc<Recorder>, upstream: String) -> Router {
    let context = builder()
        .drain_timeout(Duration::from_secs(1))
        .observer(observer);
    Router::new()
        .route("/price", get(price))
        .route("/export", get(export))
        .with_state(upstream)
        .layer(context.http_layer())
}

/// JSON of others, read and answered with.
async fn price(State(upstream): State<String>) -> Result<Json<Value>, Failed> {
    let session = http_session()?;
    let price = session.get(format!("{upstream}/price")).send().await?;
    let price: Value = serde_json::from_slice(&price.bytes().await?)?;
    Ok(Json(
        json!({ "price": price["net"].as_f64().map(|net| net * 1.25) }),
    ))
}

/// A body of others, handed on piece by piece.
async fn export(State(upstream): State<String>) -> Result<Response, Failed> {
    let session = http_session()?;
    let export = session.get(format!("{upstream}/export")).send().await?;
    Ok(axum::http::Response::<reqwest::Body>::from(export).map(Body::new))
}

/// Whatever failed is the fault of the other side.
struct Failed(BoxError);

impl<E: Into<BoxError>> From<E> for Failed {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        (StatusCode::BAD_GATEWAY, self.0.to_string()).into_response()
    }
}

/// What the service asks: a price, and an export whose second piece waits for the test.
fn upstream(go_on: Arc<Notify>) -> Server {
    let export = async move || {
        let second = async move {
            go_on.notified().await;
            Bytes::from_static(b"second")
        };
        let first = async { Bytes::from_static(b"first ") };
        let pieces = stream::once(first).chain(stream::once(second));
        Body::from_stream(pieces.map(Ok::<_, BoxError>))
    };
    Server::start(
        Router::new()
            .route("/price", get(async || Json(json!({ "net": 100.0 }))))
            .route("/export", get(export)),
    )
}

/// A service, what it asks, and what is heard of its contexts.
struct Scene {
    go_on: Arc<Notify>,
    upstream: Server,
    recorder: Arc<Recorder>,
    service: Server,
}

impl Scene {
    fn new() -> Self {
        let (go_on, recorder) = (Arc::new(Notify::new()), Arc::new(Recorder::new()));
        let upstream = upstream(go_on.clone());
        let service = Server::start(service(recorder.clone(), upstream.url("")));
        Self {
            go_on,
            upstream,
            recorder,
            service,
        }
    }

    async fn get(&self, path: &str) -> reqwest::Response {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        client.get(self.service.url(path)).send().await.unwrap()
    }

    /// The report of the only context so far.
    async fn report(&self) -> ExitReport {
        let is_report = |fact: &Fact| matches!(fact, Fact::ContextClosed(..));
        self.recorder.wait_for(is_report).await;
        self.recorder.reports().pop().unwrap()
    }
}

#[tokio::test]
async fn json_of_others_is_answered_with() {
    let scene = Scene::new();
    let price = scene.get("/price").await.bytes().await.unwrap();
    let price: Value = serde_json::from_slice(&price).unwrap();
    assert_eq!(price["price"], 125.0);
    let report = scene.report().await;
    accounted(&scene.upstream, [report]).await;
}

#[tokio::test]
async fn a_body_is_streamed_on_and_its_context_ends_after_the_last_byte() {
    let scene = Scene::new();
    let mut export = scene.get("/export").await;
    assert_eq!(export.chunk().await.unwrap().unwrap(), "first ");
    assert!(scene.recorder.reports().is_empty());
    scene.go_on.notify_one();
    assert_eq!(export.chunk().await.unwrap().unwrap(), "second");
    assert_eq!(export.chunk().await.unwrap(), None);
    let report = scene.report().await;
    assert_eq!(report.outcome, Outcome::Completed);
    accounted(&scene.upstream, [report]).await;
}

#[tokio::test]
async fn a_client_that_hangs_up_cancels_what_was_asked_for_it() {
    let scene = Scene::new();
    let mut export = scene.get("/export").await;
    assert_eq!(export.chunk().await.unwrap().unwrap(), "first ");
    drop(export);
    let report = scene.report().await;
    assert_eq!(report.outcome, Outcome::Cancelled);
    assert!(report.is_clean(), "{report}");
    let counts = scene.upstream.wait_until(|counts| counts.open == 0).await;
    assert_eq!((counts.requests, counts.completed), (1, 0));
}

#[tokio::test]
async fn a_response_that_a_handler_keeps_is_a_leak_of_its_line() {
    let recorder = Arc::new(Recorder::new());
    let upstream = Server::start(Router::new().route("/", get(async || vec![0; 1_000_000])));
    let (keep, mut kept) = tokio::sync::mpsc::unbounded_channel();
    let url = upstream.url("/");
    let handler = async move || {
        let response = http_session().unwrap().get(url).send().await;
        keep.send(response.unwrap()).unwrap();
    };
    let context = http_context_sdks::impatient().observer(recorder.clone());
    let router = Router::new().route("/", get(handler));
    let scene = Scene {
        go_on: Arc::default(),
        upstream,
        recorder,
        service: Server::start(router.layer(context.http_layer())),
    };
    assert_eq!(scene.get("/").await.status(), 200);
    leak_at(
        &scene.report().await,
        LeakKind::ResponseBody,
        "http_session().unwrap()",
    );
    let error = kept.recv().await.unwrap().bytes().await.unwrap_err();
    assert!(
        http_context::SessionClosed::find(&error).is_some(),
        "{error}"
    );
}

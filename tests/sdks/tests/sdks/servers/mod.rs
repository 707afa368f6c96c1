//! Servers whose handlers stream on what they get of others: server-sent events, ranges of files,
//! WebSockets and gRPC. Each call has a context, which lasts until the last byte of its response, or for as
//! long as the WebSocket that it became.

mod events;
mod hang_ups;
mod ranges;
mod websockets;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http_context::testing::{Fact, Recorder};
use http_context::{ExitReport, builder};
use http_context_sdks::{BoxError, Server};
use tokio::sync::Notify;

use crate::tonic::service::{Desk, Gateway, routes};

/// A service that knows no client: its handlers ask for the session.
fn service(observer: Arc<Recorder>, upstream: String) -> Router {
    let context = builder().drain_timeout(Duration::from_secs(1));
    let context = context.observer(observer);
    Router::new()
        .route("/events", get(events::events))
        .route("/file", get(ranges::file))
        .route("/talk", get(websockets::talk))
        .with_state(upstream.clone())
        .merge(routes(Gateway { desk: upstream }))
        .layer(context.http_layer())
}

/// What the service asks. Events after the first one wait for the test.
fn upstream(go_on: Arc<Notify>) -> Router {
    Router::new()
        .route("/events", get(async || events::source(go_on)))
        .route("/file", get(ranges::source))
        .route("/talk", get(websockets::source))
        .merge(routes(Desk))
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
        let upstream = Server::start(upstream(go_on.clone()));
        let service = Server::start(service(recorder.clone(), upstream.url("")));
        Self {
            go_on,
            upstream,
            recorder,
            service,
        }
    }

    /// The report of the only context so far.
    async fn report(&self) -> ExitReport {
        let is_report = |fact: &Fact| matches!(fact, Fact::ContextClosed(..));
        self.recorder.wait_for(is_report).await;
        self.recorder.reports().pop().unwrap()
    }

    /// Nothing is asked of others any more.
    async fn upstream_is_idle(&self) {
        let is_idle =
            |counts: &http_context_sdks::Counts| counts.open == 0 && counts.in_flight == 0;
        self.upstream.wait_until(is_idle).await;
    }
}

/// A client that knows nothing of contexts.
fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

//! Contexts of a server last as long as its responses. The server is axum's, the client one that knows
//! nothing of contexts, and what the handlers ask of others is counted there.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, and says where"
)]

mod bodies;
mod hang_ups;
mod streams;
mod upgraded;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http_context::testing::{Fact, Recorder};
use http_context::{ContextBuilder, ExitReport, LeakPolicy, http_session};
use http_context_tests::Server;

/// A server whose handlers stream on what an upstream answers.
struct Proxy {
    addr: SocketAddr,
    recorder: Arc<Recorder>,
    serving: tokio::task::JoinHandle<()>,
}

impl Proxy {
    async fn to(upstream: &Server) -> Self {
        let url = upstream.url("");
        let handler = move |request: Request| {
            let url = format!("{url}{}", request.uri());
            async move {
                match http_session().unwrap().get(url).send().await {
                    Ok(response) => {
                        http::Response::<reqwest::Body>::from(response).map(axum::body::Body::new)
                    }
                    Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
                }
            }
        };
        Self::serve(Router::new().fallback(handler)).await
    }

    async fn serve(router: Router) -> Self {
        let recorder = Arc::new(Recorder::new());
        let layer = context().observer(recorder.clone()).http_layer();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let serving = axum::serve(listener, router.layer(layer));
        Self {
            addr,
            recorder,
            serving: tokio::spawn(async { serving.await.unwrap() }),
        }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    /// The report of the only context so far.
    async fn report(&self) -> ExitReport {
        let is_report = |fact: &Fact| matches!(fact, Fact::ContextClosed(..));
        self.recorder.wait_for(is_report).await;
        let reports = self.recorder.reports();
        assert_eq!(reports.len(), 1);
        reports.into_iter().next().unwrap()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn context() -> ContextBuilder {
    http_context::builder()
        .leaks(LeakPolicy::Count)
        .drain_timeout(Duration::from_secs(20))
}

/// A client as others have it.
fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// What it has of a body.
async fn pieces(mut response: reqwest::Response) -> Result<Vec<u8>, reqwest::Error> {
    let mut all = Vec::new();
    while let Some(piece) = response.chunk().await? {
        all.extend(piece);
    }
    Ok(all)
}

/// Of a handler that cannot answer.
fn response(status: StatusCode) -> Response {
    status.into_response()
}

//! An axum service without a queue: each request to it runs in an HTTP context of its own, its telemetry is
//! the worker's, and the admin page is nested in its router.
//!
//! ```console
//! $ cargo run --example axum_service -- https://example.com/
//! $ curl http://127.0.0.1:8080/page
//! $ curl http://127.0.0.1:8080/admin/metrics
//! ```

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use http_context::http_session;
use http_context_worker::{Admin, Failure, LogFormat, Signals, Telemetry};

/// What the service answers: a page that it gets from `upstream`, and the admin page.
pub(crate) fn router(upstream: String, admin: &Admin) -> Router {
    let api = Router::new()
        .route("/page", get(page))
        .with_state(upstream)
        // The context ends with the body of the response.
        .layer(http_context::builder().http_layer());
    api.nest_service("/admin", admin.service())
}

async fn page(State(upstream): State<String>) -> Result<String, StatusCode> {
    let session = http_session().map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    let answer = session.get(upstream).send().await;
    let answer = answer.map_err(|_| StatusCode::BAD_GATEWAY)?;
    answer.text().await.map_err(|_| StatusCode::BAD_GATEWAY)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let upstream = std::env::args().nth(1);
    let upstream = upstream.unwrap_or_else(|| "https://example.com/".to_owned());
    let telemetry = Telemetry::builder("axum-service")
        .logs(
            LogFormat::Text,
            "axum_service=info,http_context=warn".parse()?,
        )
        .install()?;
    let admin = Admin::new("axum-service", telemetry.metrics());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
    let signals = Signals::listen()?;
    let server = axum::serve(listener, router(upstream, &admin));
    server.with_graceful_shutdown(ended(signals, admin)).await?;
    if let Some(lost) = telemetry.flush(Duration::from_secs(5)).await {
        return Err(Failure::Otlp(lost).into());
    }
    Ok(())
}

/// Waits for a signal, and says at once that the service is not ready any more.
async fn ended(signals: Signals, admin: Admin) {
    signals.first().await;
    admin.set_ready(false);
}

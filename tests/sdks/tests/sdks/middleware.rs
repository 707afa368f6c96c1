//! Middleware of others, stacked: `reqwest-tracing`, `http-cache-reqwest` and `reqwest-retry`. The session
//! of a context takes it as `reqwest_middleware::ClientBuilder` does, and whoever asks for the session
//! goes through it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse as _;
use axum::routing::get;
use http_cache_reqwest::{Cache, CacheMode, HttpCache, HttpCacheOptions, MokaManager};
use http_context::{ContextBuilder, LeakKind, builder, http_session};
use http_context_sdks::{BoxError, Server, impatient, leak_at};
use reqwest_retry::{RetryTransientMiddleware, policies::ExponentialBackoff};
use reqwest_tracing::TracingMiddleware;

fn stacked(context: ContextBuilder, manager: MokaManager) -> ContextBuilder {
    let retries = ExponentialBackoff::builder()
        .retry_bounds(Duration::ZERO, Duration::ZERO)
        .build_with_max_retries(2);
    let (mode, options) = (CacheMode::Default, HttpCacheOptions::default());
    context
        .with(TracingMiddleware::default())
        .with(Cache(HttpCache {
            mode,
            manager,
            options,
        }))
        .with(RetryTransientMiddleware::new_with_policy(retries))
}

/// Fails once, and may be kept for a minute.
fn server() -> Server {
    let asked = Arc::new(AtomicU64::new(0));
    let report = async move || match asked.fetch_add(1, SeqCst) {
        0 => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        _ => ([(header::CACHE_CONTROL, "max-age=60")], "a report").into_response(),
    };
    let router = Router::new().route("/report", get(report));
    Server::start(router.route("/large", get(async || vec![0; 1_000_000])))
}

async fn job(url: String) -> Result<(), BoxError> {
    for _ in 0..3 {
        let report = http_session()?.get(&url).send().await?;
        assert_eq!(report.text().await?, "a report");
    }
    Ok(())
}

#[tokio::test]
async fn what_goes_over_the_wire_is_accounted_for_and_what_a_cache_answers_is_a_request() {
    let server = server();
    let context = stacked(builder(), MokaManager::default());
    let work = job(server.url("/report"));
    let (result, report) = context.open(work).with_report().await;
    result.unwrap();
    let (report, counts) = (report.unwrap(), server.counts());
    // One that was tried twice, and two that the cache answered.
    assert_eq!((report.requests, counts.requests), (3, 2));
    assert_eq!(report.bytes_received, 3 * counts.response_bytes);
    assert_eq!(report.connections_opened, counts.accepted);
    assert!(report.is_clean(), "{report}");
}

#[tokio::test]
async fn a_body_that_is_kept_is_a_leak_of_the_line_that_asked_for_it() {
    let server = server();
    let url = server.url("/large");
    let work = async { Ok::<_, BoxError>(http_session()?.get(url).send().await?) };
    let context = stacked(impatient(), MokaManager::default());
    let (kept, report) = context.open(work).with_report().await;
    leak_at(
        &report.unwrap(),
        LeakKind::ResponseBody,
        "http_session()?.get(url)",
    );
    let error = kept.unwrap().bytes().await.unwrap_err();
    assert!(
        http_context::SessionClosed::find(&error).is_some(),
        "{error}"
    );
    server.wait_until(|counts| counts.open == 0).await;
}

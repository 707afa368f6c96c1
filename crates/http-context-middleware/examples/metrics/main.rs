//! Records the metrics of a few requests, and prints them as Prometheus would scrape them.
//!
//! `cargo run -p http-context-middleware --features prometheus --example metrics`

#![allow(clippy::print_stdout, reason = "it shows what it does")]

#[path = "../support/mod.rs"]
mod server;

use http_context::{http_session, open};
use http_context_middleware::{Instrumentation, with_catalogue_buckets};
use metrics_exporter_prometheus::PrometheusBuilder;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    run().await
}

async fn run() -> Result<(), BoxError> {
    // The backend first, and then what records to it.
    let exporter = with_catalogue_buckets(PrometheusBuilder::new()).install_recorder()?;
    Instrumentation::install()?;

    let url = server::start().await?;
    open(async || {
        for _ in 0..3 {
            http_session()?.get(&url).send().await?.bytes().await?;
        }
        Ok::<_, BoxError>(())
    })
    .await?;

    // A server gives this as the body of `/metrics`.
    let text = exporter.render();
    for line in text.lines().filter(|line| !line.contains("_bucket{")) {
        println!("{line}");
    }
    let requests = "http_client_request_duration_seconds_count";
    let counted = text.lines().find(|line| line.starts_with(requests));
    assert!(counted.is_some_and(|line| line.ends_with(" 3")), "{text}");
    Ok(())
}

#[cfg(test)]
#[tokio::test]
async fn it_runs() -> Result<(), BoxError> {
    run().await
}

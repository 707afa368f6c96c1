//! Prints the spans of a job and of its requests as they end, by a subscriber of `tracing`.
//!
//! `cargo run -p http-context-middleware --example traces`

#![allow(clippy::print_stdout, reason = "it shows what it does")]

#[path = "../support/mod.rs"]
mod server;

use http_context::{http_session, job};
use http_context_middleware::Instrumentation;
use tracing::{Instrument as _, info, info_span};
use tracing_subscriber::fmt::format::FmtSpan;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    run().await
}

async fn run() -> Result<(), BoxError> {
    // Without a filter HTTP libraries log each of their steps.
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::INFO)
        .with_span_events(FmtSpan::CLOSE)
        .with_ansi(false)
        .init();
    Instrumentation::install()?;

    let url = server::start().await?;
    let work = async {
        let response = http_session()?.get(&url).send().await?;
        info!(status = response.status().as_u16(), "answered");
        Ok::<_, BoxError>(response.text().await?)
    };
    // The span of the request is a child of that of the job.
    let text = job(work.instrument(info_span!("job", id = "a1"))).await?;
    assert_eq!(text, "hello");
    println!("said {text:?}");
    Ok(())
}

#[cfg(test)]
#[tokio::test]
async fn it_runs() -> Result<(), BoxError> {
    run().await
}

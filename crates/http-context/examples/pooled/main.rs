//! Jobs that hand on a warm session: the second job finds the connection of the first open.
//!
//! `cargo run -p http-context --example pooled`

#![allow(clippy::print_stdout, reason = "it shows what it does")]

#[path = "../support/mod.rs"]
mod server;

use http_context::{ExitReport, SessionPool, builder, http_session};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

async fn job(url: &str) -> Result<String, BoxError> {
    Ok(http_session()?.get(url).send().await?.text().await?)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    run().await
}

async fn run() -> Result<(), BoxError> {
    let url = server::start().await?;
    let pool = SessionPool::builder().max_size(4).build();
    let mut opened = 0;
    for n in 1..=3 {
        // Each job has a context of its own; only the session is handed on, and only if it is clean.
        let (text, report) = builder()
            .pool(pool.clone())
            .open(job(&url))
            .with_report()
            .await;
        let report: ExitReport = report.ok_or("a context was opened")?;
        opened += report.connections_opened;
        println!(
            "job {n}: {}, {} connections opened, {} reused",
            text?, report.connections_opened, report.connections_reused
        );
    }
    assert_eq!(opened, 1);
    let closed = pool.close().await;
    println!("{closed}");
    Ok(())
}

#[cfg(test)]
#[tokio::test]
async fn it_runs() -> Result<(), BoxError> {
    run().await
}

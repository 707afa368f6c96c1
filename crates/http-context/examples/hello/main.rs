//! Opens a context, makes two requests in it from code that was passed no client, and shows the exit report.
//!
//! `cargo run -p http-context --example hello`

#![allow(clippy::print_stdout, reason = "it shows what it does")]

#[path = "../support/mod.rs"]
mod server;

use http_context::{http_session, open};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Somewhere deep below.
async fn greeting(url: &str) -> Result<String, BoxError> {
    let response = http_session()?.get(url).send().await?;
    Ok(response.error_for_status()?.text().await?)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    run().await
}

async fn run() -> Result<(), BoxError> {
    if let Err(nothing_bound) = http_session() {
        println!("outside: {nothing_bound}\n");
    }
    let url = server::start().await?;
    let (greetings, report) = open(async || {
        let first = greeting(&url).await?;
        Ok::<_, BoxError>([first, greeting(&url).await?])
    })
    .with_report()
    .await;
    println!("inside: {:?}\n", greetings?);

    let report = report.ok_or("a context was opened")?;
    println!("{report}");
    // The second request went over the connection of the first.
    assert_eq!((report.requests, report.connections_opened), (2, 1));
    assert!(report.is_clean());
    Ok(())
}

#[cfg(test)]
#[tokio::test]
async fn it_runs() -> Result<(), BoxError> {
    run().await
}

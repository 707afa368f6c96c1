//! A job that leaks in three ways, and the report that says where, and how to fix it.
//!
//! `cargo run -p http-context --example leak`

#![allow(clippy::print_stdout, reason = "it shows what it does")]

#[path = "../support/mod.rs"]
mod server;

use std::time::Duration;

use http_context::reqwest::Response;
use http_context::{HttpSession, LeakKind, LeakPolicy, builder, http_session, spawn};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What somebody keeps in a struct for later.
struct Kept {
    session: HttpSession,
    response: Response,
}

async fn job(url: &str) -> Result<Kept, BoxError> {
    let session = http_session()?;
    // Its body is never read.
    let response = session.get(url).send().await?;
    // Nobody ends it.
    spawn(std::future::pending::<()>());
    Ok(Kept { session, response })
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    run().await
}

async fn run() -> Result<(), BoxError> {
    let url = server::start().await?;
    // By default leaks are logged as well; in a test they fail it (`#[http_context::test]`).
    let (kept, report) = builder()
        .name("leaky")
        .leaks(LeakPolicy::Count)
        .drain_timeout(Duration::from_millis(100))
        .open(job(&url))
        .with_report()
        .await;
    let (kept, report) = (kept?, report.ok_or("a context was opened")?);
    println!("{report}\n");
    let mut kinds: Vec<_> = report.leaks.iter().map(|leak| leak.kind).collect();
    kinds.sort_by_key(|kind| kind.as_str());
    let expected = [
        LeakKind::ResponseBody,
        LeakKind::SessionHandle,
        LeakKind::Task,
    ];
    assert_eq!(kinds, expected);

    // What was kept is of no use, and says so: nothing went on behind the back of the job.
    let again = kept.session.get(&url).send().await.err();
    println!(
        "the session: {}",
        first_cause(&again.ok_or("it is closed")?)
    );
    let body = kept.response.text().await.err();
    println!(
        "the body:    {}",
        first_cause(&body.ok_or("it was cut off")?)
    );
    Ok(())
}

/// The last of the errors that each have the next one as their source.
fn first_cause<'e>(error: &'e (dyn std::error::Error + 'static)) -> &'e dyn std::error::Error {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.last().unwrap_or(error)
}

#[cfg(test)]
#[tokio::test]
async fn it_runs() -> Result<(), BoxError> {
    run().await
}

//! Reads lines of JSON from a response that never ends, until it has seen enough.
//!
//! `cargo run -p http-context --example ndjson`

#![allow(clippy::print_stdout, reason = "it shows what it does")]

mod server;

use std::io;
use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _};
use http_context::{closing, http_session, open, spawn};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::codec::{FramedRead, LinesCodec};
use tokio_util::io::StreamReader;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// How long a line may be: without a limit a server could fill the memory.
const MAX_LINE: usize = 1024 * 1024;

/// Hands on what each line has, until the context closes or the response ends.
async fn read(url: String, values: mpsc::Sender<Value>) -> Result<(), BoxError> {
    tokio::select! {
        () = closing() => Ok(()),
        ended = read_for_ever(&url, &values) => ended,
    }
}

async fn read_for_ever(url: &str, values: &mpsc::Sender<Value>) -> Result<(), BoxError> {
    let request = http_session()?
        .get(url)
        .read_timeout(Duration::from_secs(30));
    let response = request.send().await?.error_for_status()?;
    let bytes = StreamReader::new(response.bytes_stream().map_err(io::Error::other));
    let mut lines = FramedRead::new(bytes, LinesCodec::new_with_max_length(MAX_LINE));
    while let Some(line) = lines.next().await {
        // An empty one is how a server says that it is there.
        let line = line?;
        if !line.is_empty() && values.send(serde_json::from_str(&line)?).await.is_err() {
            return Ok(());
        }
    }
    Ok(())
}

/// A job that works with values until it has seen enough.
async fn job(url: String) -> Result<u64, BoxError> {
    // A reader that is ahead by more waits, and with it the server.
    let (sender, mut receiver) = mpsc::channel(16);
    // A child of the context, which its exit waits for.
    let reader = spawn(read(url, sender));
    let mut sum = 0;
    while sum < 100 {
        let Some(value) = receiver.recv().await else {
            reader.await??;
            return Err("the response ended too early".into());
        };
        println!("{value}");
        sum += value["n"].as_u64().unwrap_or_default();
    }
    Ok(sum)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    run().await
}

async fn run() -> Result<(), BoxError> {
    let (sum, report) = open(job(server::start().await?)).with_report().await;
    assert!(sum? >= 100);
    let report = report.ok_or("a context was opened")?;
    // The server would have gone on for ever; the exit waited for nothing.
    assert!(report.is_clean(), "{report}");
    println!("closed in {:?}", report.exit_duration);
    Ok(())
}

#[cfg(test)]
#[tokio::test]
async fn it_runs() -> Result<(), BoxError> {
    run().await
}

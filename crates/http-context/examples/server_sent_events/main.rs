//! Follows server-sent events for as long as its context is open: connects anew after each end, where
//! the last event ended, as soon as the server allows.
//!
//! `cargo run -p http-context --example server_sent_events`

#![allow(clippy::print_stdout, reason = "it shows what it does")]

mod server;

use std::time::Duration;

use futures_util::StreamExt as _;
use http_context::reqwest::{Response, StatusCode};
use http_context::{ErrorKind, closing, http_session, open, spawn};
use sse_stream::SseByteStream;
use tokio::sync::mpsc;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// How long the server may be silent. One that has nothing to say sends a comment before.
const SILENCE: Duration = Duration::from_secs(30);

/// An event, with the type and the id that it has by the standard.
#[derive(Debug, PartialEq, Eq)]
struct Event {
    id: String,
    r#type: String,
    data: String,
}

/// Where a stream of events goes on.
struct Position {
    last_event_id: String,
    retry: Duration,
}

/// Hands on each event, until the context closes or the server has no more.
async fn follow(url: String, events: mpsc::UnboundedSender<Event>) -> Result<(), BoxError> {
    // Whatever is under way is dropped then: a request, a body, the wait between them.
    tokio::select! {
        () = closing() => Ok(()),
        ended = follow_for_ever(&url, &events) => ended,
    }
}

async fn follow_for_ever(url: &str, events: &mpsc::UnboundedSender<Event>) -> Result<(), BoxError> {
    let mut position = Position {
        last_event_id: String::new(),
        retry: Duration::from_secs(3),
    };
    loop {
        match connect(url, &position).await? {
            // By the standard: do not come back.
            Some(response) if response.status() == StatusCode::NO_CONTENT => return Ok(()),
            Some(response) => receive(response, &mut position, events).await,
            None => {}
        }
        tokio::time::sleep(position.retry).await;
    }
}

/// A response with events in its body; none where another try may have one.
async fn connect(url: &str, position: &Position) -> Result<Option<Response>, BoxError> {
    let mut request = http_session()?
        .get(url)
        .header("accept", "text/event-stream")
        .read_timeout(SILENCE);
    if !position.last_event_id.is_empty() {
        request = request.header("last-event-id", &position.last_event_id);
    }
    match request.send().await {
        Ok(response) => Ok(Some(response.error_for_status()?)),
        Err(error) if may_pass(error.kind()) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Whether what failed a request may be over soon.
fn may_pass(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Connection
            | ErrorKind::NameResolution
            | ErrorKind::ResponseEnded
            | ErrorKind::Timeout
    )
}

/// Reads to the end of the body, or to where it breaks off or goes silent.
async fn receive(
    response: Response,
    position: &mut Position,
    events: &mpsc::UnboundedSender<Event>,
) {
    let mut blocks = SseByteStream::new(response.bytes_stream());
    while let Some(Ok(block)) = blocks.next().await {
        if let Some(id) = block.id {
            position.last_event_id = id;
        }
        if let Some(retry) = block.retry {
            position.retry = Duration::from_millis(retry);
        }
        // A block without data is none, but counts for the position.
        let Some(data) = block.data else { continue };
        let event = Event {
            id: position.last_event_id.clone(),
            r#type: block.event.unwrap_or_else(|| "message".to_owned()),
            data,
        };
        if events.send(event).is_err() {
            return;
        }
    }
}

/// A job that works with events until it has seen enough.
async fn job(url: String) -> Result<Vec<Event>, BoxError> {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    // A child of the context, which its exit waits for.
    spawn(follow(url, sender));
    let mut seen = Vec::new();
    while let Some(event) = receiver.recv().await {
        println!("{}: {} {}", event.r#type, event.id, event.data);
        let is_last = event.r#type == "done";
        seen.push(event);
        if is_last {
            break;
        }
    }
    Ok(seen)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    run().await
}

async fn run() -> Result<(), BoxError> {
    let (url, connections) = server::start().await?;
    let (seen, report) = open(job(url)).with_report().await;
    let ids: Vec<_> = seen?.into_iter().map(|event| event.id).collect();
    assert_eq!(ids, ["1", "2", "3"], "none lost and none twice");
    assert_eq!(
        connections.await?,
        ["", "2"],
        "the last id that each had seen"
    );
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

//! Server-sent events that are read, and sent on.

use std::sync::Arc;

use axum::extract::State;
use axum::response::sse::{Event, Sse};
use futures_util::{Stream, StreamExt as _, TryStreamExt as _, stream};
use http_context::{Outcome, closing, http_session};
use http_context_sdks::{BoxError, accounted};
use sse_stream::SseStream;
use tokio::sync::Notify;

use super::{Failed, Scene, client};

/// Events of others, each sent on as it comes, until they end, the client leaves or the server stops.
pub(super) async fn events(
    State(upstream): State<String>,
) -> Result<Sse<impl Stream<Item = Result<Event, BoxError>>>, Failed> {
    let session = http_session()?;
    let events = session.get(format!("{upstream}/events")).send().await?;
    let events = SseStream::from_bytes_stream(events.error_for_status()?.bytes_stream());
    let events = events.map_ok(|event| Event::default().data(event.data.unwrap_or_default()));
    Ok(Sse::new(events.err_into().take_until(closing())))
}

/// Three events. Before each but the first, and before the end, it waits for the test.
pub(super) fn source(go_on: Arc<Notify>) -> Sse<impl Stream<Item = Result<Event, BoxError>>> {
    Sse::new(stream::unfold(0, move |nth| {
        let go_on = go_on.clone();
        async move {
            if nth > 0 {
                go_on.notified().await;
            }
            let event = Event::default().data(format!("event {nth}"));
            (nth < 3).then_some((Ok(event), nth + 1))
        }
    }))
}

#[tokio::test]
async fn each_is_sent_on_when_it_comes_and_the_report_comes_after_the_last() {
    let scene = Scene::new();
    let mut events = client()
        .get(scene.service.url("/events"))
        .send()
        .await
        .unwrap();
    for nth in 0..3 {
        let event = events.chunk().await.unwrap().unwrap();
        assert_eq!(event, format!("data: event {nth}\n\n"));
        assert!(scene.recorder.reports().is_empty());
        scene.go_on.notify_one();
    }
    assert_eq!(events.chunk().await.unwrap(), None);
    let report = scene.report().await;
    assert_eq!(report.outcome, Outcome::Completed);
    accounted(&scene.upstream, [report]).await;
}

#[tokio::test]
async fn a_source_that_breaks_off_reaches_the_client_as_such() {
    let scene = Scene::new();
    let mut events = client()
        .get(scene.service.url("/events"))
        .send()
        .await
        .unwrap();
    assert_eq!(events.chunk().await.unwrap().unwrap(), "data: event 0\n\n");
    scene.upstream.close_connections().await;
    assert!(events.chunk().await.is_err());
    let report = scene.report().await;
    assert_eq!(report.outcome, Outcome::Failed);
    assert!(report.is_clean(), "{report}");
}

//! Clients that hang up: what was asked for them is cancelled there and then.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use futures_util::stream;
use http_body_util::BodyExt as _;
use http_context::websocket::Message;
use http_context::{Outcome, builder, http_session, open_contexts};
use http_context_sdks::BoxError;
use tokio::task::JoinSet;
use tower::ServiceExt as _;

use super::{Scene, client, service};
use crate::tonic::quotes::{Item, client::QuotesClient};

#[tokio::test]
async fn a_body_that_is_dropped_has_cancelled_what_was_asked_for_it() {
    let scene = Scene::new();
    // Without a connection, so that it is known when the client is gone.
    let service = service(scene.recorder.clone(), scene.upstream.url(""));
    let request = Request::get("/events").body(Body::empty()).unwrap();
    let response = service.oneshot(request).await.unwrap();
    let mut events = response.into_body();
    assert!(events.frame().await.unwrap().is_ok());
    drop(events);
    // Nothing has had a turn since.
    let reports = scene.recorder.reports();
    assert_eq!(reports.len(), 1);
    assert_eq!(reports[0].outcome, Outcome::Cancelled);
    assert!(reports[0].is_clean(), "{}", reports[0]);
    scene.upstream_is_idle().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_clients_that_hang_up_at_random_leave_no_context() {
    const CLIENTS: u64 = 1_000;
    let scene = Scene::new();
    let (url, http) = (scene.service.url(""), client());
    let mut clients = JoinSet::new();
    for nth in 0..CLIENTS {
        // Before there is a connection, before the head, or in the middle.
        let limit = Duration::from_micros(nth * 7919 % 30_000);
        let (url, http) = (url.clone(), http.clone());
        clients.spawn(async move {
            match nth % 4 {
                0 => until(limit, read(http, format!("{url}/events"))).await,
                1 => until(limit, read(http, format!("{url}/file"))).await,
                2 => until(limit, builder().open(talk(format!("{url}/talk")))).await,
                _ => until(limit, builder().open(ask(url))).await,
            }
        });
        if clients.len() >= 50 {
            clients.join_next().await.unwrap().unwrap();
        }
    }
    clients.join_all().await;
    drop(http);
    let service = &scene.service;
    service
        .wait_until(|counts| counts.open == 0 && counts.in_flight == 0)
        .await;
    scene.upstream_is_idle().await;
    // Each one that had an upstream is gone by now but for the last turn of its task.
    while !open_contexts().is_empty() {
        tokio::task::yield_now().await;
    }
    let reports = scene.recorder.reports();
    let unclean: Vec<_> = reports.iter().filter(|report| !report.is_clean()).collect();
    assert!(unclean.is_empty(), "{unclean:#?}");
    assert!(!reports.is_empty());
}

async fn until(limit: Duration, client: impl Future<Output = Result<(), BoxError>>) {
    let _ = tokio::time::timeout(limit, client).await;
}

async fn read(http: reqwest::Client, url: String) -> Result<(), BoxError> {
    let mut response = http.get(url).send().await?;
    while response.chunk().await?.is_some() {}
    Ok(())
}

async fn talk(url: String) -> Result<(), BoxError> {
    let mut socket = http_session()?.websocket(url).connect().await?;
    loop {
        socket.send(Message::text("hello")).await?;
        socket.next().await.ok_or("it has ended")??;
    }
}

async fn ask(url: String) -> Result<(), BoxError> {
    let mut desk = QuotesClient::with_origin(http_session()?, url.parse()?);
    let items = stream::repeat_with(|| Item::new("cog"));
    let mut prices = desk.talk(items).await?.into_inner();
    while prices.message().await?.is_some() {}
    Ok(())
}

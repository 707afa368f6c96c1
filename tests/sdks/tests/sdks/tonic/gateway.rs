//! A gRPC server whose calls ask another one, each in a context that lasts as long as its streams.

use std::sync::Arc;

use futures_util::stream;
use http_context::testing::{Fact, Recorder};
use http_context::{ExitReport, Outcome, builder, http_session};
use http_context_sdks::{BoxError, Server, accounted};
use tokio::sync::mpsc;
use tonic::{Code, Streaming};

use super::job;
use super::quotes::{Item, Price, client::QuotesClient};
use super::service::{Desk, Gateway, serve, serve_in_contexts};

struct Scene {
    recorder: Arc<Recorder>,
    gateway: Server,
    desk: Server,
}

impl Scene {
    fn new() -> Self {
        let (desk, recorder) = (serve(Desk), Arc::new(Recorder::new()));
        let gateway = Gateway { desk: desk.url("") };
        Self {
            gateway: serve_in_contexts(gateway, recorder.clone()),
            recorder,
            desk,
        }
    }

    /// The reports of so many contexts.
    async fn reports(&self, contexts: usize) -> Vec<ExitReport> {
        let mut left = contexts;
        let is_last = move |fact: &Fact| {
            left -= usize::from(matches!(fact, Fact::ContextClosed(..)));
            left == 0
        };
        self.recorder.wait_for(is_last).await;
        self.recorder.reports()
    }
}

#[tokio::test]
async fn calls_are_passed_on_and_each_context_ends_after_its_last_message() {
    let scene = Scene::new();
    let url = scene.gateway.url("");
    let (result, report) = builder().open(job(&url)).with_report().await;
    result.unwrap();
    accounted(&scene.gateway, report).await;
    // Four of gRPC, and one that asks nobody.
    let reports = scene.reports(5).await;
    accounted(&scene.desk, reports).await;
}

#[tokio::test]
async fn both_directions_of_a_stream_go_on_side_by_side() {
    let scene = Scene::new();
    let work = async {
        let (say, items) = mpsc::channel(1);
        let mut prices = talk(&scene, items).await?;
        for (item, cents) in [("mill", 400), ("cog", 300), ("barrel", 600)] {
            say.send(Item::new(item)).await?;
            assert_eq!(prices.message().await?.unwrap().cents, cents);
            assert!(scene.recorder.reports().is_empty());
        }
        drop(say);
        assert_eq!(prices.message().await?, None);
        Ok::<_, BoxError>(())
    };
    builder().open(work).await.unwrap();
    let reports = scene.reports(1).await;
    assert_eq!(reports[0].outcome, Outcome::Completed);
    accounted(&scene.desk, reports).await;
}

#[tokio::test]
async fn a_client_that_hangs_up_ends_the_stream_of_the_other_side() {
    let scene = Scene::new();
    let work = async {
        let (say, items) = mpsc::channel(1);
        let mut prices = talk(&scene, items).await?;
        say.send(Item::new("mill")).await?;
        assert_eq!(prices.message().await?.unwrap().cents, 400);
        drop(prices);
        // Nobody takes what it says any more.
        say.closed().await;
        Ok::<_, BoxError>(())
    };
    builder().open(work).await.unwrap();
    let report = scene.reports(1).await.pop().unwrap();
    assert!(report.is_clean(), "{report}");
    assert_eq!(report.outcome, Outcome::Cancelled);
    let desk = &scene.desk;
    let counts = desk.wait_until(|counts| counts.open == 0 && counts.in_flight == 0);
    assert_eq!(counts.await.completed, 0);
}

#[tokio::test]
async fn a_desk_that_goes_away_reaches_the_client_as_an_error() {
    let scene = Scene::new();
    let Scene { desk, gateway, .. } = &scene;
    let work = async {
        let (say, items) = mpsc::channel(1);
        let mut prices = talk(&scene, items).await?;
        say.send(Item::new("mill")).await?;
        assert_eq!(prices.message().await?.unwrap().cents, 400);
        desk.close_connections().await;
        let error = prices.message().await.unwrap_err();
        assert_ne!(error.code(), Code::Ok);
        Ok::<_, BoxError>(())
    };
    builder().open(work).await.unwrap();
    gateway.wait_until(|counts| counts.open == 0).await;
    let report = scene.reports(1).await.pop().unwrap();
    assert!(report.is_clean(), "{report}");
}

/// What the gateway says to what comes by the channel.
async fn talk(scene: &Scene, items: mpsc::Receiver<Item>) -> Result<Streaming<Price>, BoxError> {
    let origin = scene.gateway.url("").parse()?;
    let mut client = QuotesClient::with_origin(http_session()?, origin);
    let items = stream::unfold(items, async |mut items| Some((items.recv().await?, items)));
    Ok(client.talk(items).await?.into_inner())
}

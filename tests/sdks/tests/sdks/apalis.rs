//! `apalis`, each of whose jobs has a context: the layer stands inside of whatever runs the job as a task
//! of its own.

use std::sync::Arc;

use apalis::prelude::{
    BoxDynError, Data, MemoryStorage, ParallelizeExt as _, TaskSink as _, WorkerBuilder,
    WorkerContext,
};
use axum::Router;
use axum::routing::post;
use http_context::testing::Recorder;
use http_context::{LeakKind, builder, http_session};
use http_context_sdks::{BoxError, Server, accounted, impatient, leak_at};
use tokio::sync::mpsc;

/// A job that knows no client.
async fn send(mail: String, to: Data<String>, worker: WorkerContext) -> Result<(), BoxDynError> {
    let session = http_session()?;
    let receipt = session.post(to.as_str()).body(mail.clone()).send().await?;
    assert_eq!(receipt.bytes().await?, "sent");
    if mail == "last" {
        worker.stop()?;
    }
    Ok(())
}

async fn jobs<const N: usize>(mails: [&str; N]) -> MemoryStorage<String> {
    let mut jobs = MemoryStorage::new();
    for mail in mails {
        jobs.push(mail.to_owned()).await.unwrap();
    }
    jobs
}

fn server() -> Server {
    Server::start(Router::new().route("/mail", post(async |_: String| "sent")))
}

#[tokio::test]
async fn each_job_has_a_context_and_they_are_accounted_for() {
    let (server, observer) = (server(), Arc::new(Recorder::new()));
    let context = builder().observer(observer.clone());
    let worker = WorkerBuilder::new("mailer")
        .backend(jobs(["first", "second", "last"]).await)
        .data(server.url("/mail"))
        .parallelize(tokio::spawn)
        .layer(context.layer())
        .build(send);
    worker.run().await.unwrap();
    let reports = observer.reports();
    assert_eq!(reports.len(), 3);
    accounted(&server, reports).await;
}

/// Gives its response to somebody else.
async fn keep(
    _: String,
    to: Data<String>,
    keeper: Data<mpsc::UnboundedSender<reqwest::Response>>,
    worker: WorkerContext,
) -> Result<(), BoxDynError> {
    let session = http_session()?;
    let kept = session.post(to.as_str()).body("mail").send().await?;
    keeper.send(kept)?;
    worker.stop()?;
    Ok(())
}

#[tokio::test]
async fn a_response_that_a_job_keeps_is_a_leak_of_its_line() {
    let large = Router::new().route("/mail", post(async |_: String| vec![0; 1_000_000]));
    let (server, observer) = (Server::start(large), Arc::new(Recorder::new()));
    let (keeper, mut kept) = mpsc::unbounded_channel::<reqwest::Response>();
    let context = impatient().observer(observer.clone());
    let worker = WorkerBuilder::new("mailer")
        .backend(jobs(["last"]).await)
        .data(server.url("/mail"))
        .data(keeper)
        .parallelize(tokio::spawn)
        .layer(context.layer())
        .build(keep);
    worker.run().await.unwrap();
    leak_at(
        &observer.reports()[0],
        LeakKind::ResponseBody,
        "let kept = session",
    );
    let error: BoxError = kept.recv().await.unwrap().bytes().await.unwrap_err().into();
    assert!(
        http_context::SessionClosed::find(&*error).is_some(),
        "{error}"
    );
}

//! `tonic`, which takes a session as the service that it is: gRPC in clear goes by HTTP/2 beside the
//! HTTP/1.1 of the same session. A client that is made once takes an `AmbientSession`. As a server it
//! takes the layer that contexts have for servers.

mod gateway;
pub(crate) mod quotes;
pub(crate) mod service;

use futures_util::{TryStreamExt as _, stream};
use http_context::{AmbientSession, LeakKind, SessionClosed, builder, http_session};
use http_context_sdks::{BoxError, accounted, impatient, leak_at};
use tonic::Code;

use quotes::{Item, client::QuotesClient};
use service::{Desk, serve};

/// A client for each job, as it is for one that is made once with `AmbientSession::new()`.
async fn job(url: &str) -> Result<(), BoxError> {
    let mut client = QuotesClient::with_origin(http_session()?, url.parse()?);

    let price = client.quote(Item::new("mill")).await?;
    assert_eq!(price.into_inner().cents, 400);

    let items = stream::iter(["mill", "barrel", "cog"].map(Item::new));
    let prices = client.talk(items).await?.into_inner();
    let prices: Vec<u32> = prices.map_ok(|price| price.cents).try_collect().await?;
    assert_eq!(prices, [400, 600, 300]);

    // Whatever was said before an error has come, and the trailers are those of the error.
    let mut prices = client.follow(Item::new("mill")).await?.into_inner();
    assert_eq!(prices.message().await?.unwrap().cents, 400);
    let error = prices.message().await.unwrap_err();
    assert_eq!(error.code(), Code::ResourceExhausted);
    assert_eq!(error.metadata().get("retry-in").unwrap(), "3");

    // And of a good end.
    let mut prices = client.follow(Item::new("cog")).await?.into_inner();
    while prices.message().await?.is_some() {}
    assert!(prices.trailers().await?.is_some());

    let health = http_session()?.get(format!("{url}/health")).send().await?;
    assert_eq!(health.version(), reqwest::Version::HTTP_11);
    assert_eq!(health.bytes().await?, "well");
    Ok(())
}

#[tokio::test]
async fn calls_of_each_kind_are_accounted_for() {
    let server = serve(Desk);
    let url = server.url("");
    let (result, report) = builder().open(job(&url)).with_report().await;
    result.unwrap();
    let report = report.unwrap();
    // One for each version of HTTP.
    assert_eq!(report.connections_opened, 2);
    accounted(&server, [report]).await;
}

#[tokio::test]
async fn a_client_that_is_made_once_goes_by_the_session_of_each_job() {
    let server = serve(Desk);
    let origin = server.url("").parse().unwrap();
    let client = QuotesClient::with_origin(AmbientSession::new(), origin);
    for _ in 0..2 {
        let work = async {
            let price = client.clone().quote(Item::new("cog")).await?;
            Ok::<_, BoxError>(price.into_inner().cents)
        };
        let (price, report) = builder().open(work).with_report().await;
        assert_eq!(price.unwrap(), 300);
        let report = report.unwrap();
        assert!(report.is_clean(), "{report}");
        assert_eq!((report.requests, report.connections_opened), (1, 1));
    }
    assert_eq!(server.counts().accepted, 2);
}

#[tokio::test]
async fn a_stream_that_is_kept_is_a_leak_of_the_line_that_asked_for_the_session() {
    let server = serve(Desk);
    let origin = server.url("").parse().unwrap();
    let work = async {
        let mut client = QuotesClient::with_origin(http_session()?, origin);
        let prices = client.talk(stream::pending()).await?;
        Ok::<_, BoxError>(prices.into_inner())
    };
    let (kept, report) = impatient().open(work).with_report().await;
    leak_at(
        &report.unwrap(),
        LeakKind::ResponseBody,
        "with_origin(http_session()?, origin)",
    );
    let error = kept.unwrap().message().await.unwrap_err();
    assert!(SessionClosed::find(&error).is_some(), "{error:?}");
    server.wait_until(|counts| counts.open == 0).await;
}

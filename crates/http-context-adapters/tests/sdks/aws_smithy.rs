//! Requests by the connector of the SDKs of AWS.

use std::error::Error as StdError;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{HttpClient, HttpConnector as _, HttpConnectorSettings};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http_body_util::{BodyExt as _, StreamBody};
use http_context::{LeakKind, SessionClosed, SessionError, builder, http_session};
use http_context_adapters::SessionAdapter;
use http_context_tests::{RefusedPort, Server};

use crate::support::{Beside, BoxError, accounted, contains, impatient, leak_at};

/// Sends a request as an SDK does.
async fn send(
    client: &dyn HttpClient,
    request: HttpRequest,
    read_timeout: Option<Duration>,
) -> Result<HttpResponse, ConnectorError> {
    let mut settings = HttpConnectorSettings::builder();
    settings.set_read_timeout(read_timeout);
    let components = RuntimeComponentsBuilder::for_tests().build().unwrap();
    let connector = client.http_connector(&settings.build(), &components);
    connector.call(request).await
}

fn get(url: &str) -> HttpRequest {
    HttpRequest::get(url).unwrap()
}

fn put(server: &Server, body: SdkBody) -> HttpRequest {
    let mut request = HttpRequest::new(body);
    request.set_method("PUT").unwrap();
    request.set_uri(server.url("/upload")).unwrap();
    request
}

/// Puts what is in memory and what is streamed, gets a whole.
async fn work(client: &dyn HttpClient, server: &Server) -> Result<(), BoxError> {
    let pieces = [
        Ok::<_, BoxError>(Bytes::from(vec![0; 700])),
        Ok(vec![0; 800].into()),
    ];
    let pieces = pieces.map(|piece| piece.map(http_body::Frame::data));
    let streamed = SdkBody::from_body_1_x(StreamBody::new(futures_util::stream::iter(pieces)));
    for (body, expected) in [(SdkBody::from(vec![0; 5000]), "5000"), (streamed, "1500")] {
        let response = send(client, put(server, body), None).await?;
        assert_eq!(response.into_body().collect().await?.to_bytes(), expected);
    }
    let response = send(client, get(&server.url("/bytes/100000")), None).await?;
    assert_eq!(response.headers().get("content-length"), Some("100000"));
    let whole = response.into_body().collect().await?.to_bytes();
    assert_eq!(whole.len(), 100_000);
    Ok(())
}

#[tokio::test]
async fn a_client_of_one_job_is_accounted_for_and_closes() {
    let server = Server::start();
    let (result, report) = builder()
        .open(async {
            let client = SessionAdapter::captured(http_session()?);
            work(&client, &server).await
        })
        .with_report()
        .await;
    result.unwrap();
    accounted(&server, report, Beside::default()).await;
}

#[tokio::test]
async fn a_client_that_is_made_once_goes_by_the_session_of_the_job() {
    let (server, client) = (Server::start(), SessionAdapter::ambient());
    let (result, report) = builder().open(work(&client, &server)).with_report().await;
    result.unwrap();
    accounted(&server, report, Beside::default()).await;
    let error = work(&client, &server).await.unwrap_err();
    assert!(contains::<SessionError>(&*error), "{error:?}");
}

#[tokio::test]
async fn the_length_of_what_is_in_memory_is_announced() {
    let (server, client) = (Server::start(), SessionAdapter::ambient());
    builder().open(work(&client, &server)).await.unwrap();
    let lengths = server.seen().into_iter().take(2);
    let lengths: Vec<_> = lengths
        .map(|seen| seen.headers.get("content-length").cloned())
        .collect();
    assert_eq!(lengths, [Some("5000".try_into().unwrap()), None]);
}

#[tokio::test]
async fn a_body_that_is_kept_is_told_with_the_place_of_its_client() {
    let server = Server::start();
    let (line, client) = (line!(), SessionAdapter::ambient());
    let work = async {
        let request = get(&server.url("/bytes/1000000"));
        Ok::<_, BoxError>(send(&client, request, None).await?)
    };
    let (kept, report) = impatient().open(work).with_report().await;
    leak_at(report, LeakKind::ResponseBody, line);
    let error = kept.unwrap().into_body().collect().await.unwrap_err();
    assert!(contains::<SessionClosed>(&*error), "{error:?}");
}

#[tokio::test]
async fn a_client_that_is_kept_past_its_job_is_told_as_its_handle() {
    let server = Server::start();
    let mut line = 0;
    let work = async {
        line = line!() + 1;
        let client = SessionAdapter::captured(http_session()?);
        send(&client, get(&server.url("/ok")), None).await?;
        Ok::<_, BoxError>(client)
    };
    let (kept, report) = impatient().open(work).with_report().await;
    leak_at(report, LeakKind::SessionHandle, line);
    let sent = send(&kept.unwrap(), get(&server.url("/ok")), None).await;
    let error = sent.unwrap_err();
    assert!(
        error.is_user() && contains::<SessionClosed>(&error),
        "{error:?}"
    );
}

#[tokio::test]
async fn an_error_is_what_the_retries_of_the_sdk_go_by() {
    let (server, refused) = (Server::start(), RefusedPort::new());
    let client = SessionAdapter::ambient();
    let limit = Some(Duration::from_millis(50));
    let failing = async |url: &str| send(&client, get(url), limit).await.unwrap_err();
    let work = async {
        let error = failing(&format!("http://{}/", refused.addr())).await;
        assert!(error.is_io(), "{error:?}");
        let error = failing(&server.url("/never")).await;
        assert!(error.is_timeout(), "{error:?}");
        assert!(error.source().unwrap().to_string().contains("50ms"));
        let error = failing(&server.url("/reset/2")).await;
        assert!(error.is_io(), "{error:?}");
        let error = failing("/without/a/host").await;
        assert!(error.is_user(), "{error:?}");
        Ok::<_, BoxError>(())
    };
    builder().open(work).await.unwrap();
    let error = failing(&server.url("/ok")).await;
    assert!(error.is_user(), "{error:?}");

    let limited = builder().request_timeout(Duration::from_millis(50));
    let work = async {
        let sent = send(&client, get(&server.url("/never")), None).await;
        let error = sent.unwrap_err();
        assert!(error.is_timeout(), "{error:?}");
        Ok::<_, BoxError>(())
    };
    limited.open(work).await.unwrap();
}

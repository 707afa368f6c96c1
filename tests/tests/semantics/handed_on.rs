//! The body of a response in other hands than `reqwest`'s, such as those of a proxy.

use std::time::Duration;

use http_body::Body as _;
use http_body_util::BodyExt as _;
use http_context::{SessionClosed, builder, http_session, open};
use http_context_tests::Server;
use reqwest::Body;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

async fn body(url: String) -> Result<Body, BoxError> {
    let response = http_session()?.get(url).send().await?;
    Ok(http::Response::from(response).into_body())
}

#[tokio::test]
async fn a_body_has_ended_once_all_of_it_was_read() {
    let server = Server::start();
    open(async {
        let mut body = body(server.url("/bytes/100000")).await?;
        assert!(!body.is_end_stream());
        let mut received = 0;
        while let Some(piece) = body.frame().await {
            received += piece?.into_data().unwrap().len();
        }
        assert_eq!(received, 100_000);
        assert!(body.is_end_stream());
        Ok::<_, BoxError>(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_body_that_is_cut_off_has_not_ended_before_its_error_was_read() {
    let server = Server::start();
    let context = builder().drain_timeout(Duration::ZERO);
    let mut body = context.open(body(server.url("/slow-body"))).await.unwrap();
    assert!(!body.is_end_stream(), "so that nobody takes it for whole");
    let error = body.frame().await.unwrap().unwrap_err();
    assert!(SessionClosed::find(&error).is_some(), "{error:?}");
    assert!(body.is_end_stream());
    assert!(body.frame().await.is_none());
}

//! Tokens by `oauth2`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use http::{Response, StatusCode, header};
use http_body_util::BodyExt as _;
use http_context::{ErrorKind, LeakKind, builder, http_session};
use http_context_adapters::{SendError, SessionAdapter};
use http_context_tests::{RefusedPort, Server, full_body};
use oauth2::basic::BasicClient;
use oauth2::{AsyncHttpClient as _, ClientId, EndpointNotSet, EndpointSet, TokenUrl};
use oauth2::{HttpRequest, RequestTokenError, TokenResponse as _};

use crate::support::{Beside, BoxError, accounted, impatient, leak_at};

type Client =
    BasicClient<EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>;

/// Gives a token to whoever asks, and counts the bytes of those who do.
fn server() -> (Server, Arc<AtomicU64>) {
    let handled = Arc::new(AtomicU64::new(0));
    let handled_too = handled.clone();
    let builder = Server::builder().handler("/token", move |request| {
        let handled = handled_too.clone();
        async move {
            let body = request.into_body().collect().await.unwrap().to_bytes();
            handled.fetch_add(body.len() as u64, SeqCst);
            Response::builder()
                .header(header::CONTENT_TYPE, "application/json")
                .body(full_body(r#"{"access_token":"abc","token_type":"bearer"}"#))
                .unwrap()
        }
    });
    (builder.start(), handled)
}

fn client(url: String) -> Client {
    BasicClient::new(ClientId::new("mailer".into())).set_token_uri(TokenUrl::new(url).unwrap())
}

async fn work(server: &Server, http: &SessionAdapter) -> Result<(), BoxError> {
    let client = client(server.url("/token"));
    for _ in 0..2 {
        let request = client.exchange_client_credentials();
        let token = request.request_async(http).await?;
        assert_eq!(token.access_token().secret(), "abc");
    }
    Ok(())
}

#[tokio::test]
async fn tokens_are_accounted_for_by_a_captured_session_and_by_an_ambient_one() {
    for is_captured in [true, false] {
        let (server, handled) = server();
        let (result, report) = builder()
            .open(async {
                let http = if is_captured {
                    http_session()?.into()
                } else {
                    SessionAdapter::ambient()
                };
                work(&server, &http).await
            })
            .with_report()
            .await;
        result.unwrap();
        let beside = Beside {
            handled: handled.load(SeqCst),
            ..Beside::default()
        };
        accounted(&server, report, beside).await;
    }
}

#[tokio::test]
async fn a_response_is_given_as_it_came() {
    let server = Server::start();
    let work = async {
        let request = HttpRequest::new(b"hello".to_vec());
        let (mut head, body) = request.into_parts();
        head.method = http::Method::POST;
        head.uri = server.url("/echo").try_into()?;
        head.headers
            .insert(header::CONTENT_TYPE, "text/plain".try_into()?);
        let http = SessionAdapter::ambient();
        let response = http.call(HttpRequest::from_parts(head, body)).await?;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "text/plain");
        assert_eq!(response.body(), b"hello");
        Ok::<_, BoxError>(())
    };
    builder().open(work).await.unwrap();
}

/// What fails a request for a token at this URL.
async fn failing(url: String) -> SendError {
    let http = SessionAdapter::ambient();
    let client = client(url);
    let request = client.exchange_client_credentials();
    match request.request_async(&http).await {
        Err(RequestTokenError::Request(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_error_says_whether_there_was_a_session_a_response_and_a_body() {
    let (server, refused) = (Server::start(), RefusedPort::new());
    let work = async {
        let error = failing(format!("http://{}/", refused.addr())).await;
        assert!(error.is_connect(), "{error:?}");
        let error = failing(server.url("/never")).await;
        assert_eq!(error.kind(), ErrorKind::Timeout);
        assert!(matches!(error, SendError::Request(_)), "{error:?}");
        let error = failing(server.url("/cut/100")).await;
        assert_eq!(error.kind(), ErrorKind::ResponseEnded);
        assert!(matches!(error, SendError::Body(_)), "{error:?}");
        Ok::<_, BoxError>(())
    };
    let limited = builder().read_timeout(Duration::from_millis(50));
    limited.open(work).await.unwrap();
    let error = failing(server.url("/ok")).await;
    assert!(matches!(error, SendError::Session(_)), "{error:?}");
}

#[tokio::test]
async fn a_request_that_is_kept_is_told_with_the_place_of_its_client() {
    let server = Server::start();
    let (line, http) = (line!(), SessionAdapter::ambient());
    let mut request = HttpRequest::new(Vec::new());
    *request.uri_mut() = server.url("/slow-head").try_into().unwrap();
    let work = async {
        let mut response = http.call(request);
        tokio::select! {
            biased;
            _ = &mut response => panic!("it has ended"),
            _ = server.wait_until(|counts| counts.held == 1) => {}
        }
        Ok::<_, BoxError>(response)
    };
    let (kept, report) = impatient().open(work).with_report().await;
    leak_at(report, LeakKind::RequestInFlight, line);
    assert!(kept.unwrap().await.is_err());
}

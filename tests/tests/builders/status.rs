//! An error status is an error where that was asked for.

use std::error::Error as _;
use std::sync::Arc;

use http_context::testing::{Fact, Recorder};
use http_context::{ErrorKind, SessionPool, builder, http_session};
use http_context_tests::Server;
use reqwest::{Method, Request, StatusCode};

use crate::BoxError;

#[tokio::test]
async fn a_response_is_a_response_unless_its_context_or_its_request_says_otherwise() {
    let server = Server::start();
    for (of_context, of_request, fails) in [
        (None, None, false),
        (Some(false), None, false),
        (Some(true), None, true),
        (None, Some(true), true),
        (Some(true), Some(false), false),
        (Some(false), Some(true), true),
    ] {
        let mut context = builder();
        if let Some(fails) = of_context {
            context = context.error_for_status(fails);
        }
        let work = context.open(async {
            for status in [200, 204, 304, 400, 404, 500, 599] {
                let url = server.url(&format!("/status/{status}"));
                let mut request = http_session()?.get(url);
                if let Some(fails) = of_request {
                    request = request.error_for_status(fails);
                }
                let status = StatusCode::from_u16(status)?;
                let is_error = status.is_client_error() || status.is_server_error();
                match request.send().await {
                    Ok(response) => {
                        assert_eq!(response.status(), status);
                        assert!(!(fails && is_error), "{status}");
                    }
                    Err(error) => {
                        assert_eq!(error.status(), Some(status));
                        assert!(fails && is_error, "{status}");
                    }
                }
            }
            Ok::<_, BoxError>(())
        });
        let (result, report) = work.with_report().await;
        result.unwrap();
        assert!(report.unwrap().is_clean());
    }
    assert_eq!(server.counts().requests, 6 * 7);
}

#[tokio::test]
async fn a_copy_fails_as_the_request_that_it_is_of() {
    let server = Server::start();
    let work = builder().open(async {
        let request = http_session()?.get(server.url("/status/404"));
        let request = request.error_for_status(true);
        let copy = request.try_clone().unwrap().send().await.unwrap_err();
        assert_eq!(copy.status(), request.send().await.unwrap_err().status());
        Ok::<_, BoxError>(())
    });
    work.await.unwrap();
    assert_eq!(server.counts().requests, 2);
}

#[tokio::test]
async fn the_error_has_the_status_and_no_secret() {
    let server = Server::builder()
        .redirect("/", 302, "/status/404?sig=hunter2&page=2")
        .start();
    let work = builder().error_for_status(true).open(async {
        let request = http_session()?.post(server.url("/?sig=hunter3"));
        let error = request.bearer_auth("hunter4").send().await.unwrap_err();
        assert_eq!(error.status(), Some(StatusCode::NOT_FOUND));
        assert_eq!(
            (error.kind(), error.is_timeout()),
            (ErrorKind::Other, false)
        );
        assert_eq!(
            error.as_reqwest().unwrap().status(),
            Some(StatusCode::NOT_FOUND)
        );
        assert_eq!(error.url().unwrap().query(), Some("sig=REDACTED&page=2"));
        let url = server.url("/status/404");
        assert_eq!(
            error.to_string(),
            format!("POST {url}: the response has the status 404 Not Found")
        );
        let source = error.source().unwrap().to_string();
        assert_eq!(source, "HTTP status client error (404 Not Found)");
        let all = format!("{error:?}");
        assert!(!all.contains("hunter"), "{all}");
        Ok::<_, BoxError>(())
    });
    work.await.unwrap();
}

#[tokio::test]
async fn what_is_sent_in_another_way_is_answered() {
    let server = Server::start();
    let url = server.url("/status/500");
    let work = builder().error_for_status(true).open(async {
        let get = || Request::new(Method::GET, url.parse().unwrap());
        let session = http_session()?;
        assert_eq!(session.execute(get()).await?.status(), 500);
        assert_eq!(session.client().execute(get()).await?.status(), 500);
        assert_eq!(session.client().get(&url).send().await?.status(), 500);
        let refused = session.get(&url).header("upgrade", "any").upgrade().await;
        let Err(http_context::UpgradeError::Refused(response)) = refused else {
            panic!("{refused:?}")
        };
        assert_eq!(response.status(), 500);
        Ok::<_, BoxError>(())
    });
    work.await.unwrap();
    assert_eq!(server.counts().requests, 4);
}

#[tokio::test]
async fn observers_see_a_response() {
    let server = Server::start();
    let recorder = Arc::new(Recorder::new());
    let observed = builder().observer(recorder.clone());
    let pool = SessionPool::builder().build();
    let work = observed.pool(pool).error_for_status(true).open(async {
        let failed = http_session()?.get(server.url("/status/503")).send().await;
        failed.unwrap_err();
        Ok::<_, BoxError>(())
    });
    work.await.unwrap();
    let ends = recorder.all(|fact| match fact {
        Fact::RequestAnswered { head, .. } => Some(Some(head.status.as_u16())),
        Fact::RequestFailed { .. } => Some(None),
        _ => None,
    });
    assert_eq!(ends, [Some(503)]);
}

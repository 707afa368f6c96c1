//! A store of `object_store` over HTTP.

use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use http::{Request, Response, StatusCode, header};
use http_context::{AmbientSession, LeakKind, SessionClosed, SessionError, builder, http_session};
use http_context_adapters::SessionAdapter;
use http_context_tests::{RefusedPort, ResponseBody, Server, full_body};
use object_store::client::{HttpErrorKind, HttpRequestBody, HttpService as _};
use object_store::http::{HttpBuilder, HttpStore};
use object_store::{BackoffConfig, ObjectStoreExt as _, PutPayload, RetryConfig};

use crate::support::{Beside, BoxError, accounted, contains, impatient, leak_at};

/// Gives the range that is asked for of a hundred bytes.
async fn ranged<B>(request: Request<B>) -> Response<ResponseBody> {
    let range = request.headers()[header::RANGE].to_str().unwrap();
    let (start, end) = range
        .strip_prefix("bytes=")
        .unwrap()
        .split_once('-')
        .unwrap();
    let (start, end): (usize, usize) = (start.parse().unwrap(), end.parse().unwrap());
    let all: Vec<u8> = (0..100).collect();
    Response::builder()
        .status(StatusCode::PARTIAL_CONTENT)
        .header(header::CONTENT_RANGE, format!("bytes {start}-{end}/100"))
        .body(full_body(all[start..=end].to_vec()))
        .unwrap()
}

fn server() -> Server {
    Server::builder().handler("/ranged", ranged).start()
}

/// The store does not read what answers a put.
const UNREAD: Beside = Beside {
    handled: 0,
    unread: 8,
};

fn store(server: &Server, adapter: SessionAdapter) -> HttpStore {
    HttpBuilder::new()
        .with_url(server.url(""))
        .with_retry(RetryConfig {
            max_retries: 0,
            ..RetryConfig::default()
        })
        .with_http_connector(adapter)
        .build()
        .unwrap()
}

/// Puts in one piece and in several, gets a whole and a part.
async fn work(store: &HttpStore) -> Result<(), BoxError> {
    store.put(&"upload".into(), vec![0; 5000].into()).await?;
    let pieces = PutPayload::from_iter([Bytes::from(vec![0; 700]), Bytes::from(vec![0; 800])]);
    store.put(&"upload".into(), pieces).await?;
    let whole = store.get(&"bytes/100000".into()).await?;
    assert_eq!(whole.bytes().await?.len(), 100_000);
    let part = store.get_range(&"ranged".into(), 10..15).await?;
    assert_eq!(*part, [10, 11, 12, 13, 14]);
    Ok(())
}

#[tokio::test]
async fn a_store_of_one_job_is_accounted_for_and_closes() {
    let server = server();
    let (result, report) = builder()
        .open(async {
            let store = store(&server, SessionAdapter::captured(http_session()?));
            work(&store).await
        })
        .with_report()
        .await;
    result.unwrap();
    accounted(&server, report, UNREAD).await;
}

#[tokio::test]
async fn a_store_that_is_made_once_goes_by_the_session_of_each_job() {
    let first = server();
    let store = store(&first, SessionAdapter::ambient());
    let (_, report) = builder().open(work(&store)).with_report().await;
    let requests = report.as_ref().unwrap().requests;
    accounted(&first, report, UNREAD).await;
    let (_, report) = builder().open(work(&store)).with_report().await;
    let report = report.unwrap();
    assert!(report.is_clean(), "{report}");
    assert_eq!((report.requests, report.connections_opened), (requests, 1));
    let error = work(&store).await.unwrap_err();
    assert!(contains::<SessionError>(&*error), "{error:?}");
}

#[tokio::test]
async fn what_a_store_sends_in_tasks_of_its_own_goes_by_the_session_to_fall_back_to() {
    let server = server();
    let (result, report) = builder()
        .open(async {
            let alone = store(&server, SessionAdapter::ambient());
            let with_another = AmbientSession::or(http_session()?);
            let with_another = store(&server, with_another.into());
            let error = tokio::spawn(async move { work(&alone).await }).await?;
            let error = error.unwrap_err();
            assert!(contains::<SessionError>(&*error), "{error:?}");
            tokio::spawn(async move { work(&with_another).await }).await?
        })
        .with_report()
        .await;
    result.unwrap();
    accounted(&server, report, UNREAD).await;
}

#[tokio::test]
async fn a_result_that_is_kept_is_told_with_the_place_of_its_store() {
    let server = server();
    let (line, adapter) = (line!(), SessionAdapter::ambient());
    let store = store(&server, adapter);
    let work = async {
        let result = store.get(&"bytes/1000000".into()).await?;
        Ok::<_, BoxError>(result.into_stream())
    };
    let (kept, report) = impatient().open(work).with_report().await;
    let leak = leak_at(report, LeakKind::ResponseBody, line);
    assert_eq!(leak.progress.unwrap().received, Some(0), "{leak}");
    let error = kept.unwrap().next().await.unwrap().unwrap_err();
    assert!(contains::<SessionClosed>(&error), "{error:?}");
}

/// What the adapter makes of a `GET` of this URL.
async fn kind_of(url: &str) -> HttpErrorKind {
    let request = Request::get(url).body(HttpRequestBody::empty()).unwrap();
    let answered = SessionAdapter::ambient().call(request).await;
    let error = match answered {
        Ok(response) => response.into_body().bytes().await.unwrap_err(),
        Err(error) => error,
    };
    error.kind()
}

#[tokio::test]
async fn an_error_is_of_the_kind_that_the_retries_of_the_store_go_by() {
    let (server, refused) = (server(), RefusedPort::new());
    let expected = [
        (
            format!("http://{}/", refused.addr()),
            HttpErrorKind::Connect,
        ),
        (server.url("/never"), HttpErrorKind::Timeout),
        (server.url("/slow-body"), HttpErrorKind::Timeout),
        (server.url("/reset/2"), HttpErrorKind::Interrupted),
        (server.url("/cut/100"), HttpErrorKind::Interrupted),
    ];
    let work = async {
        for (url, kind) in expected {
            assert_eq!(kind_of(&url).await, kind, "{url}");
        }
        http_session()?.close();
        Ok::<_, BoxError>(())
    };
    let limited = builder().read_timeout(Duration::from_millis(50));
    limited.open(work).await.unwrap();
    let nowhere = kind_of(&server.url("/ok")).await;
    assert_eq!(nowhere, HttpErrorKind::Unknown, "under no context");
    let closed = builder().open(async {
        let session = http_session()?;
        session.close();
        let request = Request::get(server.url("/ok")).body(HttpRequestBody::empty())?;
        let sent = SessionAdapter::captured(session).call(request).await;
        Ok::<_, BoxError>(sent.unwrap_err().kind())
    });
    assert_eq!(closed.await.unwrap(), HttpErrorKind::Unknown);
}

#[tokio::test]
async fn a_request_that_has_waited_for_too_long_in_the_queue_was_not_sent() {
    let server = server();
    let work = async {
        let first = http_session()?.get(server.url("/slow-head")).send();
        let second = async {
            server.wait_until(|counts| counts.held == 1).await;
            let kind = kind_of(&server.url("/ok")).await;
            server.gate().open();
            kind
        };
        let (first, second) = tokio::join!(first, second);
        first?.bytes().await?;
        Ok::<_, BoxError>(second)
    };
    let limited = builder().max_connections_per_host(1);
    let limited = limited.queue_timeout(Duration::from_millis(20));
    assert_eq!(limited.open(work).await.unwrap(), HttpErrorKind::Request);
    assert_eq!(server.counts().requests, 1);
}

#[tokio::test]
async fn a_store_tries_again_what_broke() {
    let server = server();
    let store = HttpBuilder::new()
        .with_url(server.url(""))
        .with_retry(RetryConfig {
            backoff: BackoffConfig {
                init_backoff: Duration::from_millis(1),
                ..BackoffConfig::default()
            },
            max_retries: 2,
            ..RetryConfig::default()
        })
        .with_http_connector(SessionAdapter::ambient())
        .build()
        .unwrap();
    let work = async {
        let result = store.get(&"reset/2/2".into()).await?;
        assert_eq!(result.bytes().await?, "ok");
        Ok::<_, BoxError>(())
    };
    let (result, report) = builder().open(work).with_report().await;
    result.unwrap();
    assert_eq!(report.unwrap().requests, 3);
}

#[tokio::test]
async fn what_is_put_in_one_piece_is_sent_again_where_a_redirect_asks_for_it() {
    let server = Server::builder().redirect("/a", 307, "/upload").start();
    let store = store(&server, SessionAdapter::ambient());
    let work = async {
        store.put(&"a".into(), vec![0; 5000].into()).await?;
        Ok::<_, BoxError>(())
    };
    builder().open(work).await.unwrap();
    assert_eq!(server.counts().request_bytes, 5000);
}

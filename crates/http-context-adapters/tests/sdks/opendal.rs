//! Operators of `opendal` over HTTP.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_context::{LeakKind, SessionClosed, SessionError, builder, http_session};
use http_context_adapters::SessionAdapter;
use http_context_tests::{RefusedPort, ResponseBody, Server, full_body};
use opendal_core::{Buffer, Error, Executor, HttpTransporter, OperationContext, Operator};
use opendal_service_http::Http;

use crate::support::{Beside, BoxError, accounted, contains, impatient, leak_at};

/// Gives a hundred thousand bytes, or the range of them that is asked for.
async fn blob<B>(request: Request<B>) -> Response<ResponseBody> {
    let all = vec![7; 100_000];
    let Some(range) = request.headers().get(header::RANGE) else {
        return Response::new(full_body(all));
    };
    let range = range.to_str().unwrap();
    let (start, end) = range
        .strip_prefix("bytes=")
        .unwrap()
        .split_once('-')
        .unwrap();
    let start: usize = start.parse().unwrap();
    let end = end.parse().unwrap_or(all.len() - 1);
    Response::builder()
        .status(StatusCode::PARTIAL_CONTENT)
        .header(
            header::CONTENT_RANGE,
            format!("bytes {start}-{end}/{}", all.len()),
        )
        .body(full_body(all[start..=end].to_vec()))
        .unwrap()
}

fn server() -> Server {
    Server::builder().handler("/blob", blob).start()
}

fn operator(server: &Server, adapter: SessionAdapter) -> Operator {
    let context = OperationContext::new()
        .with_http_transport(HttpTransporter::new(adapter.clone()))
        .with_executor(Executor::with(adapter));
    let service = Http::default().endpoint(&server.url(""));
    Operator::new(service).unwrap().with_context(context)
}

async fn put(server: &Server, adapter: &SessionAdapter, body: Buffer) -> Result<Buffer, BoxError> {
    let request = Request::put(server.url("/upload")).body(body)?;
    let transport = HttpTransporter::new(adapter.clone());
    Ok(transport.send(request).await?.into_body())
}

/// Puts in one piece and in several, gets a whole, a part, and a whole by several tasks.
async fn work(server: &Server, adapter: SessionAdapter) -> Result<(), BoxError> {
    let answer = put(server, &adapter, vec![0; 5000].into()).await?;
    assert_eq!(answer.to_bytes(), "5000");
    let pieces = vec![Bytes::from(vec![0; 700]), Bytes::from(vec![0; 800])];
    let answer = put(server, &adapter, pieces.into()).await?;
    assert_eq!(answer.to_bytes(), "1500");

    let files = operator(server, adapter);
    assert_eq!(files.read("blob").await?.len(), 100_000);
    let part = files.read_with("blob").range(10..15).await?;
    assert_eq!(part.len(), 5);
    let by_tasks = files.read_with("blob").range(0..100_000);
    let by_tasks = by_tasks.chunk(10_000).concurrent(4).await?;
    assert_eq!(by_tasks.len(), 100_000);
    Ok(())
}

#[tokio::test]
async fn an_operator_of_one_job_is_accounted_for_and_closes() {
    let server = server();
    let (result, report) = builder()
        .max_connections_per_host(1)
        .open(async { work(&server, SessionAdapter::captured(http_session()?)).await })
        .with_report()
        .await;
    result.unwrap();
    accounted(&server, report, Beside::default()).await;
}

#[tokio::test]
async fn the_tasks_of_an_operator_that_is_made_once_go_by_the_session_of_the_job() {
    let (server, adapter) = (server(), SessionAdapter::ambient());
    let work = async || work(&server, adapter.clone()).await;
    let (result, report) = builder().open(work()).with_report().await;
    result.unwrap();
    accounted(&server, report, Beside::default()).await;
    let lengths: Vec<_> = server.seen().into_iter().take(2).collect();
    let lengths = lengths.iter().map(|seen| &seen.headers["content-length"]);
    assert_eq!(lengths.collect::<Vec<_>>(), ["5000", "1500"]);
    let error = work().await.unwrap_err();
    assert!(contains::<SessionError>(&*error), "{error:?}");
}

#[tokio::test]
async fn a_body_that_is_kept_is_told_with_the_place_of_its_transport() {
    let server = server();
    let (line, adapter) = (line!(), SessionAdapter::ambient());
    let work = async {
        let request = Request::get(server.url("/bytes/1000000")).body(Buffer::new())?;
        let response = HttpTransporter::new(adapter).fetch(request).await?;
        Ok::<_, BoxError>(response.into_body())
    };
    let (kept, report) = impatient().open(work).with_report().await;
    leak_at(report, LeakKind::ResponseBody, line);
    let error = kept.unwrap().to_buffer().await.unwrap_err();
    assert!(contains::<SessionClosed>(&error), "{error:?}");
    assert!(!error.is_temporary(), "{error:?}");
}

/// What fails a `GET` of this URL.
async fn failing(url: &str) -> Error {
    let request = Request::get(url).body(Buffer::new()).unwrap();
    let transport = HttpTransporter::new(SessionAdapter::ambient());
    transport.send(request).await.unwrap_err()
}

#[tokio::test]
async fn an_error_is_temporary_where_the_request_may_fare_better() {
    let (server, refused) = (server(), RefusedPort::new());
    let work = async {
        let urls = [
            format!("http://{}/", refused.addr()),
            server.url("/never"),
            server.url("/slow-body"),
            server.url("/reset/2"),
            server.url("/cut/100"),
        ];
        for url in urls {
            let error = failing(&url).await;
            assert!(error.is_temporary(), "{url}: {error:?}");
        }
        let error = failing("/without/a/host").await;
        assert!(!error.is_temporary(), "{error:?}");
        Ok::<_, BoxError>(())
    };
    let limited = builder().read_timeout(Duration::from_millis(50));
    limited.open(work).await.unwrap();
    let error = failing(&server.url("/ok")).await;
    assert!(!error.is_temporary(), "{error:?}");
}

#[tokio::test]
async fn what_is_put_in_one_piece_is_sent_again_where_a_redirect_asks_for_it() {
    let server = Server::builder().redirect("/a", 307, "/upload").start();
    let work = async {
        let request = Request::put(server.url("/a")).body(vec![0; 5000].into())?;
        let transport = HttpTransporter::new(SessionAdapter::ambient());
        let answer = transport.send(request).await?.into_body();
        assert_eq!(answer.to_bytes(), "5000");
        Ok::<_, BoxError>(())
    };
    builder().open(work).await.unwrap();
}

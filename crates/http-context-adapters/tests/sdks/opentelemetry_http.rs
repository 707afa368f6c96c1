//! Exports by `opentelemetry-otlp`, and requests as it makes them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use bytes::Bytes;
use http::{Extensions, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use http_context::{
    LeakKind, Observer, RequestError, RequestInfo, SessionClosed, SessionError, builder,
    http_session,
};
use http_context_adapters::SessionAdapter;
use http_context_tests::{RefusedPort, Server, empty_body};
use opentelemetry::trace::{Tracer as _, TracerProvider as _};
use opentelemetry_http::{HttpClient as _, HttpError, ResponseBodyTooLarge};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::trace::SdkTracerProvider;

use crate::support::{Beside, BoxError, accounted, contains, impatient, leak_at};

/// Takes spans, and counts their bytes.
fn collector() -> (Server, Arc<AtomicU64>) {
    let handled = Arc::new(AtomicU64::new(0));
    let handled_too = handled.clone();
    let builder = Server::builder().handler("/v1/traces", move |request| {
        let handled = handled_too.clone();
        async move {
            let body = request.into_body().collect().await.unwrap().to_bytes();
            handled.fetch_add(body.len() as u64, SeqCst);
            Response::new(empty_body())
        }
    });
    (builder.start(), handled)
}

fn provider(server: &Server, adapter: SessionAdapter) -> Result<SdkTracerProvider, BoxError> {
    let exporter = SpanExporter::builder()
        .with_http()
        .with_endpoint(server.url("/v1/traces"))
        .with_http_client(adapter)
        .build()?;
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter);
    Ok(provider.build())
}

#[tokio::test]
async fn an_exporter_in_a_thread_of_its_own_is_accounted_for_and_closes() {
    let (server, handled) = collector();
    let (result, report) = builder()
        .open(async {
            let provider = provider(&server, SessionAdapter::captured(http_session()?))?;
            let export = move || {
                for _ in 0..2 {
                    provider.tracer("test").start("span");
                    provider.force_flush()?;
                }
                provider.shutdown()
            };
            Ok::<_, BoxError>(tokio::task::spawn_blocking(export).await??)
        })
        .with_report()
        .await;
    result.unwrap();
    assert_eq!(server.counts().requests, 2);
    let beside = Beside {
        handled: handled.load(SeqCst),
        ..Beside::default()
    };
    accounted(&server, report, beside).await;
}

#[tokio::test]
async fn an_exporter_that_is_kept_is_told_as_the_handle_it_has() {
    let (server, _) = collector();
    let mut line = 0;
    let work = async {
        line = line!() + 1;
        let adapter = SessionAdapter::captured(http_session()?);
        provider(&server, adapter)
    };
    let (kept, report) = impatient().open(work).with_report().await;
    leak_at(report, LeakKind::SessionHandle, line);
    drop(kept);
}

/// What comes of a post to this URL.
async fn post(adapter: &SessionAdapter, url: &str) -> Result<Response<Bytes>, HttpError> {
    let request = Request::post(url).body(Bytes::from_static(b"spans"))?;
    adapter.send_bytes(request).await
}

#[tokio::test]
async fn a_response_is_given_as_it_came_and_an_error_as_it_was() {
    let (server, refused) = (Server::start(), RefusedPort::new());
    let adapter = SessionAdapter::ambient();
    let work = async {
        let response = post(&adapter, &server.url("/echo")).await?;
        assert_eq!(*response.body(), "spans");
        let response = post(&adapter, &server.url("/status/503")).await?;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        let refused = format!("http://{}/", refused.addr());
        let error = post(&adapter, &refused).await.unwrap_err();
        assert!(error.downcast_ref::<RequestError>().unwrap().is_connect());
        let error = post(&adapter, &server.url("/bytes/4194305")).await;
        assert!(error.unwrap_err().is::<ResponseBodyTooLarge>());
        let most = post(&adapter, &server.url("/bytes/4194304")).await?;
        assert_eq!(most.body().len(), 4_194_304);
        Ok::<_, BoxError>(())
    };
    builder().open(work).await.unwrap();
    let error = post(&adapter, &server.url("/ok")).await.unwrap_err();
    assert!(error.is::<SessionError>(), "{error:?}");
}

#[tokio::test]
async fn a_request_of_a_closed_session_says_so() {
    let work = async {
        let session = http_session()?;
        session.close();
        let error = post(&SessionAdapter::captured(session), "http://localhost/").await;
        let error = error.unwrap_err();
        assert!(contains::<SessionClosed>(&*error), "{error:?}");
        Ok::<_, BoxError>(())
    };
    builder().open(work).await.unwrap();
}

/// An extension that observers look for.
#[derive(Clone)]
struct Mark;

/// Counts the requests that have it.
#[derive(Debug, Default)]
struct Marked(AtomicU64);

impl Observer for Marked {
    fn request_started(&self, _: &RequestInfo, _: &reqwest::Request, extensions: &Extensions) {
        self.0
            .fetch_add(extensions.get::<Mark>().is_some().into(), SeqCst);
    }
}

#[tokio::test]
async fn an_extension_of_the_adapter_is_in_each_of_its_requests() {
    let (server, marked) = (Server::start(), Arc::new(Marked::default()));
    let work = async {
        let adapter = SessionAdapter::ambient();
        post(&adapter, &server.url("/echo")).await?;
        let adapter = adapter.with_extension(Mark);
        post(&adapter, &server.url("/echo")).await?;
        post(&adapter.clone(), &server.url("/echo")).await?;
        Ok::<_, BoxError>(())
    };
    builder().observer(marked.clone()).open(work).await.unwrap();
    assert_eq!(marked.0.load(SeqCst), 2);
}

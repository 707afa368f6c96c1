//! OTLP over HTTP, exported by the session of the context around the whole service, which is itself
//! observed: what exports spans makes none, nor is it in the metrics. Else it would go on for ever.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::{StatusCode, header};
use axum::routing::post;
use http_context::{HttpSession, LeakKind, builder, http_session};
use http_context_adapters::SessionAdapter;
use http_context_middleware::{Instrumentation, Uninstrumented};
use http_context_sdks::{BoxError, Server, accounted, impatient, leak_at};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_sdk::trace::SdkTracerProvider;
use prost::Message as _;
use tracing_subscriber::Registry;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;

/// The SDK exports in a thread of its own, which is in no context: so the session is captured.
fn unseen(session: HttpSession) -> SessionAdapter {
    SessionAdapter::captured(session).with_extension(Uninstrumented)
}

fn provider(http: SessionAdapter, endpoint: String) -> Result<SdkTracerProvider, BoxError> {
    let exporter = SpanExporter::builder()
        .with_http()
        .with_endpoint(endpoint)
        .with_http_client(http)
        .build()?;
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter);
    Ok(provider.build())
}

type Exported = Arc<Mutex<Vec<Span>>>;

/// A collector, and something to ask.
fn server(exported: Exported) -> Server {
    let collect = async move |body: Bytes| {
        let export = ExportTraceServiceRequest::decode(body).unwrap();
        let scopes = export
            .resource_spans
            .into_iter()
            .flat_map(|one| one.scope_spans);
        exported
            .lock()
            .unwrap()
            .extend(scopes.flat_map(|one| one.spans));
        (
            [(header::CONTENT_TYPE, "application/x-protobuf")],
            StatusCode::OK,
        )
    };
    Server::start(
        Router::new()
            .route("/v1/traces", post(collect))
            .route("/ok", post(async || "ok")),
    )
}

/// Three requests, each of which is exported before the next one, so that a span of an export would be in
/// the next export.
async fn service(url: String, http: SessionAdapter) -> Result<(), BoxError> {
    let provider = provider(http, format!("{url}/v1/traces"))?;
    let spans = tracing_opentelemetry::layer().with_tracer(provider.tracer("service"));
    let spans = Registry::default().with(LevelFilter::INFO).with(spans);
    let _on = tracing::subscriber::set_default(spans);
    for _ in 0..3 {
        let answer = http_session()?.post(format!("{url}/ok")).send().await?;
        assert_eq!(answer.text().await?, "ok");
        let provider = provider.clone();
        // It blocks until the runtime has sent them.
        tokio::task::spawn_blocking(move || provider.force_flush()).await??;
    }
    Ok(tokio::task::spawn_blocking(move || provider.shutdown()).await??)
}

#[tokio::test]
async fn exports_are_accounted_for_and_have_no_span_of_their_own() {
    let exported = Exported::default();
    let server = server(exported.clone());
    let work = async { service(server.url(""), unseen(http_session()?)).await };
    let context = builder().observer(Instrumentation::builder().build());
    let (result, report) = context.open(work).with_report().await;
    result.unwrap();
    assert_eq!(report.as_ref().unwrap().requests, 6);
    accounted(&server, report).await;
    // Exports are of that method as well.
    let spans = exported.lock().unwrap();
    let posts = spans.iter().filter(|span| span.name == "POST");
    assert_eq!(posts.count(), 3, "{spans:?}");
}

#[tokio::test]
async fn an_exporter_that_is_kept_is_a_leak_of_the_line_that_asked_for_the_session() {
    let server = server(Exported::default());
    let endpoint = server.url("/v1/traces");
    let work = async {
        let session = http_session()?;
        provider(unseen(session), endpoint)
    };
    let (kept, report) = impatient().open(work).with_report().await;
    leak_at(&report.unwrap(), LeakKind::SessionHandle, "let session = ");
    drop(kept);
}

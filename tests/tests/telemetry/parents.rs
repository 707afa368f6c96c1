//! Whose child the span of a request is.

use http_context::{OpenError, http_session};
use http_context_middleware::Spans;
use http_context_tests::Server;
use opentelemetry::trace::{SpanId, TraceContextExt as _};
use tracing::Instrument as _;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::context_span::context_span;
use crate::stage::{Stage, WAYS, spans_to};

#[tokio::test]
async fn the_span_of_the_caller_is_the_parent_also_in_a_child_task() {
    let stages: [fn(Spans) -> Stage; 2] = [Stage::new, Stage::without_activation];
    for (way, stage) in WAYS
        .into_iter()
        .flat_map(|way| stages.map(|stage| (way, stage)))
    {
        let (stage, server) = (stage(way), Server::start());
        let caller = tracing::info_span!("caller");
        let id = caller.context().span().span_context().clone();
        stage
            .context()
            .open(
                async {
                    let url = server.url("/ok");
                    http_session().unwrap().get(&url).send().await.unwrap();
                    let child = http_context::spawn(async move {
                        http_session().unwrap().get(url).send().await.map(drop)
                    });
                    child.await.unwrap().unwrap();
                    Ok::<_, OpenError>(())
                }
                .instrument(caller),
            )
            .await
            .unwrap();
        let spans = spans_to(server.addr().port());
        assert_eq!(spans.len(), 2, "{way:?}");
        for span in spans {
            assert_eq!(span.parent_span_id, id.span_id(), "{way:?}");
            assert_eq!(span.span_context.trace_id(), id.trace_id());
        }
    }
}

#[tokio::test]
async fn the_span_of_the_context_is_the_parent_where_the_caller_has_none() {
    for way in WAYS {
        let (stage, server) = (Stage::new(way), Server::start());
        let name = format!("parent {way:?}");
        let work = async {
            let session = http_session().unwrap();
            session.get(server.url("/ok")).send().await.unwrap();
            Ok::<_, OpenError>(())
        };
        stage.context().name(name.clone()).open(work).await.unwrap();
        let context = context_span(&name);
        let request = &spans_to(server.addr().port())[0];
        let parent = context.span_context;
        assert_eq!(request.parent_span_id, parent.span_id(), "{way:?}");
        assert_eq!(request.span_context.trace_id(), parent.trace_id());
    }
}

#[tokio::test]
async fn a_direct_span_has_the_opentelemetry_context_as_its_parent() {
    use opentelemetry::trace::{FutureExt as _, Tracer as _};
    let (stage, server) = (Stage::new(Spans::OpenTelemetry), Server::start());
    let tracer = opentelemetry::global::tracer("tests");
    let parent = opentelemetry::Context::new().with_span(tracer.start("caller"));
    let id = parent.span().span_context().span_id();
    stage
        .context()
        .open(
            async {
                let session = http_session().unwrap();
                session.get(server.url("/ok")).send().await.unwrap();
                Ok::<_, OpenError>(())
            }
            .with_context(parent),
        )
        .await
        .unwrap();
    let span = &spans_to(server.addr().port())[0];
    assert_ne!(id, SpanId::INVALID);
    assert_eq!(span.parent_span_id, id);
}

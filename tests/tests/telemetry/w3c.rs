//! Trace context as it is written here is that of the SDK's propagators.

use std::collections::{BTreeMap, HashMap};

use http_context::{OpenError, http_session};
use http_context_middleware::{Propagation, Spans};
use http_context_tests::{Seen, Server};
use opentelemetry::baggage::BaggageExt as _;
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::{
    FutureExt as _, SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::propagation::{BaggagePropagator, TraceContextPropagator};
use proptest::prelude::{Strategy, any};
use proptest::test_runner::{Config, TestRunner};

use crate::stage::{Stage, WAYS, spans_to};

/// The headers of trace context, as they came.
fn carried(seen: &Seen) -> BTreeMap<String, String> {
    let names = ["traceparent", "tracestate", "baggage"];
    let headers = names.into_iter().filter_map(|name| {
        let value = seen.headers.get(name)?;
        Some((name.to_owned(), value.to_str().unwrap().to_owned()))
    });
    headers.collect()
}

/// What the SDK writes; a header of nothing has no meaning, and is not sent.
fn of_the_sdk(context: &Context) -> BTreeMap<String, String> {
    let mut headers = HashMap::new();
    TraceContextPropagator::new().inject_context(context, &mut headers);
    BaggagePropagator::new().inject_context(context, &mut headers);
    headers.retain(|_, value| !value.is_empty());
    headers.into_iter().collect()
}

fn contexts() -> impl Strategy<Value = Context> {
    let state =
        proptest::collection::btree_map("[a-z][a-z0-9_*/-]{0,8}", "[!-+.-<>-~]{1,12}", 0..4);
    let ids = (any::<u128>(), any::<u64>(), any::<u8>());
    (ids, state).prop_map(|((trace, span, flags), state)| {
        let state = TraceState::from_key_value(state).unwrap();
        let (trace, span) = (TraceId::from(trace), SpanId::from(span));
        let span = SpanContext::new(trace, span, TraceFlags::new(flags), true, state);
        Context::new().with_remote_span_context(span)
    })
}

async fn send(stage: &Stage, server: &Server, context: &Context) {
    let work = stage.context().open(async {
        http_session()?.get(server.url("/ok")).send().await.unwrap();
        Ok::<_, OpenError>(())
    });
    work.with_context(context.clone()).await.unwrap();
}

#[test]
fn any_context_is_written_byte_for_byte_as_the_sdk_writes_it() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = Server::start();
    // What is current is what is sent, where no span is made.
    let stage = Stage::with(Spans::Off, |builder| {
        builder.propagation(Propagation::TraceContext)
    });
    let mut runner = TestRunner::new(Config::with_cases(200));
    let cases = runner.run(&contexts(), |context| {
        runtime.block_on(send(&stage, &server, &context));
        let seen = server.seen();
        assert_eq!(carried(seen.last().unwrap()), of_the_sdk(&context));
        Ok(())
    });
    cases.unwrap();
    runtime.block_on(send(&stage, &server, &Context::new()));
    assert_eq!(carried(server.seen().last().unwrap()), BTreeMap::new());
}

#[tokio::test]
async fn the_span_of_the_request_is_what_it_carries_and_baggage_goes_with_it() {
    for way in WAYS {
        let server = Server::start();
        let stage = Stage::with(way, |builder| {
            builder.propagation(Propagation::TraceContext)
        });
        let of_all = TraceState::from_key_value([("of", "all")]).unwrap();
        let parent = SpanContext::new(
            TraceId::from(7),
            SpanId::from(9),
            TraceFlags::SAMPLED,
            true,
            of_all,
        );
        let parent = Context::new().with_remote_span_context(parent);
        let with_baggage = parent.with_baggage([KeyValue::new("user", "1;2")]);
        for context in [&parent, &with_baggage] {
            send(&stage, &server, context).await;
        }
        let (spans, seen) = (spans_to(server.addr().port()), server.seen());
        assert_eq!((spans.len(), seen.len()), (2, 2));
        for ((span, seen), context) in spans.iter().zip(seen).zip([&parent, &with_baggage]) {
            assert_eq!(span.span_context.trace_id(), TraceId::from(7), "{way:?}");
            let own = context.with_remote_span_context(span.span_context.clone());
            let carried = carried(&seen);
            assert_eq!(carried, of_the_sdk(&own), "{way:?}");
            assert_eq!(carried["tracestate"], "of=all", "{way:?}");
        }
        let last = carried(server.seen().last().unwrap());
        assert_eq!(last["baggage"], "user=1%3B2", "{way:?}");
    }
}

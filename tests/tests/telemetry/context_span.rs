//! The span of a context, and what happens in it as events.

use std::panic::Location;
use std::time::Duration;

use http_context::{LeakPolicy, NestedPolicy, OpenError, http_session};
use http_context_middleware::{Spans, span_context_of};
use http_context_tests::Server;
use opentelemetry::Value;
use opentelemetry_sdk::trace::SpanData;

use crate::stage::{Stage, WAYS, spans_named, text};

/// The one span of a context of this name.
pub(crate) fn context_span(name: &str) -> SpanData {
    let mut spans = spans_named("http_context");
    spans.retain(|span| text(span, "http_context.name").as_deref() == Some(name));
    assert_eq!(spans.len(), 1);
    spans.remove(0)
}

#[tokio::test]
async fn leaks_and_nested_opens_are_events_of_the_span_of_their_context() {
    for way in WAYS {
        let stage = Stage::new(way);
        let name = format!("leaky {way:?}");
        let mut kept = None;
        stage
            .context()
            .name(name.clone())
            .nested(NestedPolicy::Warn)
            .leaks(LeakPolicy::Warn)
            .open(async {
                for _ in 0..3 {
                    let nested = http_context::open(async { Ok::<_, OpenError>(()) });
                    nested.await.unwrap();
                }
                kept = Some(http_session().unwrap());
                Ok::<_, OpenError>(())
            })
            .await
            .unwrap();
        drop(kept);
        let span = context_span(&name);
        let events: Vec<_> = span.events.iter().map(|event| &*event.name).collect();
        let count = |name| events.iter().filter(|event| **event == name).count();
        // The log is limited for a place, the span is not.
        assert_eq!(count("http_context.nested_open"), 3, "{way:?} {events:?}");
        assert_eq!(count("http_context.leak"), 1, "{way:?} {events:?}");
        assert_eq!(text(&span, "outcome").unwrap(), "completed");
        let leak = span
            .events
            .iter()
            .find(|e| e.name == "http_context.leak")
            .unwrap();
        let kind = leak
            .attributes
            .iter()
            .find(|a| a.key.as_str() == "kind")
            .unwrap();
        assert_eq!(kind.value.as_str(), "session_handle");
    }
}

#[tokio::test(start_paused = true)]
async fn the_event_of_a_leak_has_its_call_sites_and_its_age() {
    for way in WAYS {
        let stage = Stage::new(way);
        let name = format!("aged {way:?}");
        let opened = Location::caller().line() + 1;
        let work = stage.context().name(name.clone()).open(async {
            let kept = http_session()?;
            tokio::time::advance(Duration::from_millis(1234)).await;
            Ok::<_, OpenError>((kept.clone(), kept))
        });
        let kept = work.await.unwrap();
        let span = context_span(&name);
        let leak = &span.events[0];
        let exported = |name: &str| {
            let exported = leak.attributes.iter().find(|a| a.key.as_str() == name);
            exported.unwrap().value.to_string()
        };
        assert_eq!(
            (exported("count"), exported("age_ms")),
            ("2".into(), "1234".into())
        );
        for (name, line) in [("opened_at", opened), ("acquired_at", opened + 1)] {
            let place = format!("{}:{line}:", file!());
            assert!(
                exported(name).starts_with(&place),
                "{way:?} {}",
                exported(name)
            );
        }
        drop(kept);
    }
}

#[tokio::test]
async fn the_event_of_a_leaked_body_has_what_had_come_of_it() {
    for way in WAYS {
        let (stage, server) = (Stage::new(way), Server::start());
        let name = format!("read in part {way:?}");
        let context = stage.context().name(name.clone());
        let work = context.drain_timeout(Duration::ZERO).open(async {
            let request = http_session()?.get(server.url("/slow-body"));
            let mut response = request.send().await.unwrap();
            assert_eq!(response.chunk().await.unwrap().unwrap(), "first");
            Ok::<_, OpenError>(response)
        });
        let kept = work.await.unwrap();
        let span = context_span(&name);
        let exported = |name: &str| {
            let mut attributes = span.events[0].attributes.iter();
            let found = attributes.find(|attribute| attribute.key.as_str() == name);
            found.unwrap().value.clone()
        };
        assert_eq!(exported("sent_bytes"), Value::I64(0), "{way:?}");
        assert_eq!(exported("received_bytes"), Value::I64(5), "{way:?}");
        assert!(matches!(exported("quiet_ms"), Value::I64(_)), "{way:?}");
        drop(kept);
    }
}

#[tokio::test]
async fn a_context_that_is_dropped_ends_its_span() {
    for way in WAYS {
        let stage = Stage::new(way);
        let name = format!("dropped {way:?}");
        let open = stage.context().name(name.clone()).open(async {
            std::future::pending::<()>().await;
            Ok::<_, OpenError>(())
        });
        let mut open = Box::pin(open);
        assert!(futures_util::poll!(&mut open).is_pending());
        drop(open);
        assert_eq!(text(&context_span(&name), "outcome").unwrap(), "cancelled");
    }
}

#[tokio::test]
async fn a_log_line_can_have_the_trace_of_a_context() {
    for way in WAYS {
        let stage = Stage::new(way);
        let name = format!("traced {way:?}");
        let open = stage.context().name(name.clone()).open(async {
            let context = http_context::current().unwrap();
            Ok::<_, OpenError>(span_context_of(context.info()).unwrap())
        });
        let exported = open.await.unwrap();
        assert_eq!(context_span(&name).span_context, exported);
    }
    let open = Stage::new(Spans::Off).context().open(async {
        let context = http_context::current().unwrap();
        Ok::<_, OpenError>(span_context_of(context.info()))
    });
    assert_eq!(open.await.unwrap(), None);
}

#[tokio::test]
async fn no_span_is_made_when_they_are_off() {
    let stage = Stage::new(Spans::Off);
    let open = stage.context().name("spanless");
    open.open(async { Ok::<_, OpenError>(()) }).await.unwrap();
    let spans = spans_named("http_context");
    let of_it = |span: &&SpanData| text(span, "http_context.name").as_deref() == Some("spanless");
    assert_eq!(spans.iter().filter(of_it).count(), 0);
}

//! The opt-in spans: connections being made, and requests that wait for a slot.

use http_context::{OpenError, http_session};
use http_context_tests::Server;
use opentelemetry::trace::{SpanId, SpanKind, Status};

use crate::stage::{Stage, WAYS, attribute, span, spans_named, spans_to, text};

#[tokio::test]
async fn every_request_links_to_the_making_of_its_connection() {
    for way in WAYS {
        let server = Server::start();
        let stage = Stage::with(way, |builder| builder.connection_spans(true));
        stage
            .context()
            .open(async {
                let session = http_session().unwrap();
                for _ in 0..3 {
                    let response = session.get(server.url("/ok")).send().await.unwrap();
                    response.bytes().await.unwrap();
                }
                Ok::<_, OpenError>(())
            })
            .await
            .unwrap();
        let (setups, requests): (Vec<_>, Vec<_>) = spans_to(server.addr().port())
            .into_iter()
            .partition(|span| span.span_kind == SpanKind::Internal);
        assert_eq!((setups.len(), requests.len()), (1, 3), "{way:?}");
        let setup = &setups[0];
        assert_eq!(
            setup.name,
            format!("HTTP connection_setup {}", server.addr())
        );
        assert_eq!(setup.parent_span_id, SpanId::INVALID, "a trace of its own");
        for request in &requests {
            let links: Vec<_> = request.links.iter().map(|l| &l.span_context).collect();
            assert_eq!(links, [&setup.span_context], "{way:?}");
            assert_ne!(
                request.span_context.trace_id(),
                setup.span_context.trace_id()
            );
        }
    }
}

#[tokio::test]
async fn a_connection_that_fails_has_a_span_with_its_error() {
    for way in WAYS {
        let mut server = Server::start();
        let url = server.url("/ok");
        server.shutdown();
        let stage = Stage::with(way, |builder| builder.connection_spans(true));
        stage
            .context()
            .open(async {
                http_session().unwrap().get(url).send().await.unwrap_err();
                Ok::<_, OpenError>(())
            })
            .await
            .unwrap();
        let spans = spans_to(server.addr().port());
        let setup = spans
            .iter()
            .find(|s| s.span_kind == SpanKind::Internal)
            .unwrap();
        assert_eq!(
            text(setup, "error.type").unwrap(),
            "connection_error",
            "{way:?}"
        );
        assert_eq!(setup.status, Status::error(""));
    }
}

#[tokio::test]
async fn a_request_that_waits_for_a_slot_has_a_child_span() {
    for way in WAYS {
        let server = Server::start();
        let stage = Stage::with(way, |builder| builder.queue_spans(true));
        let name = format!("HTTP wait_for_connection {}", server.addr());
        stage
            .context()
            .max_connections_per_host(1)
            .open(async {
                let session = http_session().unwrap();
                let first = session.get(server.url("/slow-head")).send();
                let second = session.get(server.url("/slow-head/second")).send();
                let look = async {
                    server.wait_until(|counts| counts.requests == 1).await;
                    assert_eq!(spans_named(&name).len(), 0, "{way:?} it waits");
                    server.gate().open();
                    server.wait_until(|counts| counts.requests == 2).await;
                    assert_eq!(spans_named(&name).len(), 1, "{way:?} it has a slot");
                    server.gate_named("second").open();
                };
                tokio::join!(
                    async { first.await.unwrap().bytes().await.unwrap() },
                    async { second.await.unwrap() },
                    look
                );
                Ok::<_, OpenError>(())
            })
            .await
            .unwrap();
        let waits = spans_named(&name);
        assert_eq!(waits.len(), 1, "{way:?}");
        let requests = spans_to(server.addr().port());
        let parent = requests
            .iter()
            .find(|r| r.span_context.span_id() == waits[0].parent_span_id)
            .unwrap();
        assert!(text(parent, "url.full").unwrap().ends_with("/second"));
        assert!(attribute(&span(&parent.span_context), "error.type").is_none());
    }
}

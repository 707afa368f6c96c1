//! The span of a request: name, kind, attributes, status, parent and time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use http_context::{OpenError, caller, http_session};
use http_context_middleware::{Instrumentation, SpanAttributes, Spans, UrlTemplate};
use http_context_tests::Server;
use opentelemetry::trace::{SpanKind, Status};
use tokio::time::Instant;

use crate::stage::{Stage, WAYS, attribute, sampled, spans_to, text};

#[tokio::test]
async fn an_answered_request_has_a_client_span_with_every_attribute() {
    for way in WAYS {
        let (stage, server) = (Stage::new(way), Server::start());
        let port = server.addr().port();
        let template = format!("/bytes/{{n}} of {port}");
        stage
            .context()
            .open(async {
                let session = http_session().unwrap();
                for _ in 0..2 {
                    let request = session.get(server.url("/bytes/10?page=2#part"));
                    let request = request.with_extension(UrlTemplate::new(template.clone()));
                    request.send().await.unwrap().bytes().await.unwrap();
                }
                Ok::<_, OpenError>(())
            })
            .await
            .unwrap();
        let spans = spans_to(port);
        assert_eq!(spans.len(), 2, "{way:?}");
        for (n, span) in spans.iter().enumerate() {
            assert_eq!(span.name, format!("GET {template}"));
            assert_eq!(span.span_kind, SpanKind::Client);
            assert_eq!(span.status, Status::Unset);
            let text = |name| text(span, name).unwrap_or_default();
            assert_eq!(text("http.request.method"), "GET");
            assert_eq!(text("server.address"), "127.0.0.1");
            assert_eq!(attribute(span, "server.port"), Some(i64::from(port).into()));
            assert_eq!(text("url.full"), server.url("/bytes/10?page=2#part"));
            assert_eq!(text("url.template"), template);
            assert_eq!(
                attribute(span, "http.response.status_code"),
                Some(200.into())
            );
            assert_eq!(text("network.protocol.version"), "1.1");
            assert_eq!(text("network.peer.address"), "127.0.0.1");
            assert_eq!(
                attribute(span, "network.peer.port"),
                Some(i64::from(port).into())
            );
            assert!(attribute(span, "http_context.id").is_some());
            assert!(attribute(span, "http_context.connection.id").is_some());
            let reused = attribute(span, "http_context.connection.reused");
            assert_eq!(reused, Some((n == 1).into()));
            let idle = attribute(span, "http_context.connection.idle_ms");
            assert_eq!(idle.is_some(), n == 1, "{way:?}");
            for absent in [
                "error.type",
                "http.request.resend_count",
                "http.request.method_original",
            ] {
                assert_eq!(attribute(span, absent), None);
            }
        }
        for shown in sampled(&format!("GET {template}")) {
            for first in [
                "http.request.method",
                "server.address",
                "server.port",
                "url.full",
            ] {
                assert!(shown.iter().any(|name| name == first), "{way:?} {shown:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_span_says_of_which_context_and_connection_it_is() {
    for way in WAYS {
        let (stage, server) = (Stage::new(way), Server::start());
        let open = stage.context().open(async {
            let session = http_session().unwrap();
            session.get(server.url("/ok")).send().await.unwrap();
            let connection = stage.ledger().connections()[0].id;
            Ok::<_, OpenError>((session.context().id(), connection))
        });
        let (context, connection) = open.await.unwrap();
        let span = &spans_to(server.addr().port())[0];
        for (name, id) in [
            ("http_context.id", context.get()),
            ("http_context.connection.id", connection.get()),
        ] {
            let id = i64::try_from(id).unwrap();
            assert_eq!(attribute(span, name), Some(id.into()), "{way:?} {name}");
        }
    }
}

#[tokio::test]
async fn a_span_says_by_whom_its_request_is_made() {
    for way in WAYS {
        let (stage, server) = (Stage::new(way), Server::start());
        let open = stage.context().open(async {
            let get = || async {
                let get = http_session().unwrap().get(server.url("/ok"));
                get.send().await.unwrap();
            };
            caller("speech").scope(get()).await;
            get().await;
            Ok::<_, OpenError>(())
        });
        open.await.unwrap();
        let spans = spans_to(server.addr().port());
        let callers = spans.iter().map(|span| text(span, "http_context.caller"));
        let callers: Vec<_> = callers.collect();
        assert_eq!(callers, [Some("speech".to_owned()), None], "{way:?}");
    }
}

#[tokio::test]
async fn a_span_names_its_server_also_where_metrics_put_others_together() {
    for way in WAYS {
        let stage = Stage::with(way, |builder| builder.max_servers(1));
        let servers = [Server::start(), Server::start()];
        stage
            .context()
            .open(async {
                let session = http_session().unwrap();
                for server in &servers {
                    session.get(server.url("/ok")).send().await.unwrap();
                }
                Ok::<_, OpenError>(())
            })
            .await
            .unwrap();
        for server in servers {
            let span = &spans_to(server.addr().port())[0];
            assert_eq!(text(span, "server.address").unwrap(), "127.0.0.1");
        }
    }
}

#[tokio::test]
async fn the_status_of_a_span_follows_that_of_the_response() {
    for way in WAYS {
        let (stage, server) = (Stage::new(way), Server::start());
        stage
            .context()
            .open(async {
                let session = http_session().unwrap();
                for code in [204, 304, 404, 500] {
                    let url = server.url(&format!("/status/{code}"));
                    session.get(url).send().await.unwrap();
                }
                Ok::<_, OpenError>(())
            })
            .await
            .unwrap();
        let statuses: Vec<_> = spans_to(server.addr().port())
            .iter()
            .map(|span| (span.status.clone(), text(span, "error.type")))
            .collect();
        let failed = |code: &str| (Status::error(""), Some(code.to_owned()));
        let fine = (Status::Unset, None);
        assert_eq!(
            statuses,
            [fine.clone(), fine, failed("404"), failed("500")],
            "{way:?}"
        );
    }
}

#[tokio::test]
async fn a_failure_has_an_error_type_and_a_cancellation_has_none() {
    for way in WAYS {
        let (stage, server) = (Stage::new(way), Server::start());
        stage
            .context()
            .open(async {
                let session = http_session().unwrap();
                let get = session.get(server.url("/never"));
                get.timeout(Duration::from_millis(10))
                    .send()
                    .await
                    .unwrap_err();
                let dropped = session.get(server.url("/never")).send();
                let over = std::future::pending::<()>();
                let over = tokio::time::timeout(Duration::from_millis(20), over);
                tokio::select! {
                    // First, so that the request is not looked at once more.
                    biased;
                    _ = over => {}
                    _ = dropped => unreachable!("it never answers"),
                }
                Ok::<_, OpenError>(())
            })
            .await
            .unwrap();
        let spans = spans_to(server.addr().port());
        assert_eq!(spans.len(), 2, "{way:?}");
        assert_eq!(text(&spans[0], "error.type").unwrap(), "timeout");
        assert_eq!(spans[0].status, Status::error(""));
        assert_eq!(text(&spans[1], "error.type"), None);
        assert_eq!(spans[1].status, Status::Unset, "{way:?}");
        // They end when they are over, not when they were last worked on.
        for (span, least) in spans.iter().zip([10, 20]) {
            let took = span.end_time.duration_since(span.start_time).unwrap();
            assert!(took >= Duration::from_millis(least), "{way:?} {took:?}");
        }
    }
}

#[tokio::test]
async fn an_unknown_method_is_other_and_stands_in_an_attribute_of_its_own() {
    for way in WAYS {
        let (stage, server) = (Stage::new(way), Server::start());
        stage
            .context()
            .open(async {
                let method = reqwest::Method::from_bytes(b"PURGE").unwrap();
                let session = http_session().unwrap();
                session
                    .request(method, server.url("/ok"))
                    .send()
                    .await
                    .unwrap();
                Ok::<_, OpenError>(())
            })
            .await
            .unwrap();
        let span = &spans_to(server.addr().port())[0];
        assert_eq!(span.name, "HTTP", "{way:?}");
        assert_eq!(text(span, "http.request.method").unwrap(), "_OTHER");
        assert_eq!(text(span, "http.request.method_original").unwrap(), "PURGE");
    }
}

#[tokio::test]
async fn attributes_headers_and_sizes_are_shown_when_asked_for() {
    for way in WAYS {
        let server = Server::start();
        let stage = Stage::with(way, |builder| {
            builder
                .request_headers(["x-request-id", "authorization"])
                .response_headers(["Content-Length", "Set-Cookie"])
                .body_sizes_on_spans(true)
                .span_attributes(|request, _| {
                    let segments = request.url().path_segments().map_or(0, Iterator::count);
                    let segments = u32::try_from(segments).unwrap();
                    SpanAttributes::new().with("app.segments", segments)
                })
        });
        stage
            .context()
            .open(async {
                let session = http_session().unwrap();
                let request = session
                    .post(server.url("/upload"))
                    .header("x-request-id", "r-1")
                    .bearer_auth("secret")
                    .with_extension(
                        SpanAttributes::new()
                            .with("app.job", "a1")
                            .with("app.is_retry", true)
                            .with("app.weight", 2.5),
                    )
                    .body("12345");
                request.send().await.unwrap().bytes().await.unwrap();
                Ok::<_, OpenError>(())
            })
            .await
            .unwrap();
        let span = &spans_to(server.addr().port())[0];
        assert_eq!(attribute(span, "app.segments"), Some(1.into()), "{way:?}");
        assert_eq!(text(span, "app.job").unwrap(), "a1");
        assert_eq!(attribute(span, "app.is_retry"), Some(true.into()));
        assert_eq!(attribute(span, "app.weight"), Some(2.5.into()));
        assert_eq!(attribute(span, "http.request.body.size"), Some(5.into()));
        assert_eq!(attribute(span, "http.response.body.size"), Some(1.into()));
        let header = text(span, "http.request.header.x-request-id").unwrap();
        assert!(header.contains("r-1"));
        assert!(text(span, "http.response.header.content-length").is_some());
        assert_eq!(text(span, "http.request.header.authorization"), None);
    }
}

#[tokio::test]
async fn no_attributes_are_made_where_no_subscriber_wants_a_span() {
    let (server, asked) = (Server::start(), Arc::new(AtomicU32::new(0)));
    let counts = Arc::clone(&asked);
    let instrumentation = Instrumentation::builder()
        .span_attributes(move |_, _| {
            counts.fetch_add(1, Ordering::Relaxed);
            SpanAttributes::new()
        })
        .build();
    let context = http_context::builder()
        .observer(instrumentation)
        .configure(reqwest::ClientBuilder::no_proxy);
    let ask = async || {
        let session = http_session().unwrap();
        session.get(server.url("/ok")).send().await.unwrap();
        Ok::<_, OpenError>(())
    };
    context.clone().open(ask()).await.unwrap();
    assert_eq!(asked.load(Ordering::Relaxed), 0);
    let _subscriber = Stage::new(Spans::Tracing);
    context.open(ask()).await.unwrap();
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

#[tokio::test]
#[expect(
    clippy::disallowed_methods,
    reason = "the server is slow by a time that is known"
)]
async fn span_and_metric_have_the_time_that_the_caller_waited() {
    use metrics_exporter_prometheus::PrometheusBuilder;
    for way in WAYS {
        let recorder = PrometheusBuilder::new().build_recorder();
        let (handle, server) = (recorder.handle(), Server::start());
        let stage = Stage::with(way, |builder| builder.recorder(Arc::new(recorder)));
        let least = Duration::from_millis(20);
        let most = stage
            .context()
            .open(async {
                let session = http_session().unwrap();
                let begun = Instant::now();
                let request = session.get(server.url("/slow-head")).send();
                let open = async {
                    server.wait_until(|counts| counts.held == 1).await;
                    tokio::time::sleep(least).await;
                    server.gate().open();
                };
                let (response, ()) = tokio::join!(request, open);
                response.unwrap();
                Ok::<_, OpenError>(begun.elapsed())
            })
            .await
            .unwrap();
        let span = &spans_to(server.addr().port())[0];
        let span = span.end_time.duration_since(span.start_time).unwrap();
        let exported = handle.render();
        let sum = exported
            .lines()
            .find(|line| line.starts_with("http_client_request_duration_seconds_sum"))
            .unwrap();
        let metric = sum.rsplit_once(' ').unwrap().1.parse().unwrap();
        for exported in [span, Duration::from_secs_f64(metric)] {
            // Rounded down, to the millisecond.
            let exported = exported.as_millis();
            let waited = least.as_millis()..=most.as_millis();
            assert!(
                waited.contains(&exported),
                "{way:?}: {exported} of {waited:?} ms"
            );
        }
    }
}

//! Trace context on requests as they are sent.

use http::{Request, Response, header};
use http_context::{OpenError, http_session};
use http_context_middleware::{Propagation, Uninstrumented, UrlTemplate, WithoutPropagation};
use http_context_tests::{ResponseBody, Server, empty_body};
use hyper::body::Incoming;
use reqwest::StatusCode;

use crate::stage::{Stage, WAYS, spans_to};

#[tokio::test]
async fn a_request_carries_its_span_also_through_redirects() {
    for way in WAYS {
        let (stage, server) = (Stage::new(way), Server::start());
        stage
            .context()
            .open(async {
                let session = http_session().unwrap();
                session.get(server.url("/redirect/1")).send().await.unwrap();
                Ok::<_, OpenError>(())
            })
            .await
            .unwrap();
        let spans = spans_to(server.addr().port());
        assert_eq!(spans.len(), 1, "{way:?}");
        let id = &spans[0].span_context;
        let expected = format!("00-{}-{}-01", id.trace_id(), id.span_id());
        let seen = server.seen();
        assert_eq!(seen.len(), 2);
        for seen in seen {
            assert_eq!(seen.headers["traceparent"], expected, "{way:?}");
            assert!(!seen.headers.contains_key("tracestate"), "it is empty");
        }
    }
}

#[tokio::test]
async fn it_can_be_turned_off_for_a_request_for_a_host_and_altogether() {
    for way in WAYS {
        let server = Server::start();
        let carried = || {
            let seen = server.seen();
            seen.last().unwrap().headers.contains_key("traceparent")
        };
        let stage = Stage::with(way, |builder| builder.no_propagation_to("localhost"));
        stage
            .context()
            .open(async {
                let session = http_session().unwrap();
                session.get(server.url("/ok")).send().await.unwrap();
                assert!(carried(), "{way:?}");
                let named = session
                    .get(server.url("/ok"))
                    .with_extension(UrlTemplate::new("/ok"));
                named.send().await.unwrap();
                assert!(carried(), "{way:?}");
                let without = session
                    .get(server.url("/ok"))
                    .with_extension(WithoutPropagation);
                without.send().await.unwrap();
                assert!(!carried(), "{way:?}");
                let without = session
                    .get(server.url("/ok"))
                    .with_extension(Uninstrumented);
                without.send().await.unwrap();
                assert!(!carried(), "{way:?}");
                session
                    .get(server.url_at("localhost", "/ok"))
                    .send()
                    .await
                    .unwrap();
                assert!(!carried(), "{way:?}");
                Ok::<_, OpenError>(())
            })
            .await
            .unwrap();
        let stage = Stage::with(way, |builder| builder.propagation(Propagation::Off));
        stage
            .context()
            .open(async {
                let session = http_session().unwrap();
                session.get(server.url("/ok")).send().await.unwrap();
                assert!(!carried(), "{way:?}");
                Ok::<_, OpenError>(())
            })
            .await
            .unwrap();
        // One request was not instrumented; the others have their spans all the same.
        assert_eq!(spans_to(server.addr().port()).len(), 5);
    }
}

#[tokio::test]
async fn it_is_kept_away_from_a_host_however_that_is_written() {
    let server = Server::start();
    for host in ["LocalHost", "localhost.", "http://localhost/"] {
        let stage = Stage::with(WAYS[0], |builder| builder.no_propagation_to(host));
        let work = stage.context().open(async {
            let session = http_session()?;
            let url = server.url_at("localhost", "/ok");
            session.get(url).send().await.unwrap();
            Ok::<_, OpenError>(())
        });
        work.await.unwrap();
        let seen = server.seen();
        let headers = &seen.last().unwrap().headers;
        assert!(!headers.contains_key("traceparent"), "{host}");
    }
}

/// Leads to this path of the same server, by its other name.
fn to_other_name(request: &Request<Incoming>, path: &str) -> Response<ResponseBody> {
    let host = request.headers()[header::HOST].to_str().unwrap();
    let (name, port) = host.split_once(':').unwrap();
    let other = match name {
        "localhost" => "127.0.0.1",
        _ => "localhost",
    };
    Response::builder()
        .status(StatusCode::FOUND)
        .header(header::LOCATION, format!("http://{other}:{port}{path}"))
        .body(empty_body())
        .unwrap()
}

#[tokio::test]
async fn each_hop_of_a_redirect_is_judged_by_its_own_host() {
    for way in WAYS {
        let server = Server::builder()
            .handler("/twice", |request| async move {
                to_other_name(&request, "/once")
            })
            .handler(
                "/once",
                |request| async move { to_other_name(&request, "/ok") },
            )
            .start();
        let stage = Stage::with(way, |builder| builder.no_propagation_to("LOCALHOST."));
        let work = stage.context().open(async {
            let session = http_session()?;
            for host in ["localhost", "127.0.0.1"] {
                let url = server.url_at(host, "/twice");
                let request = session.get(url).header("tracestate", "of=the-caller");
                request.send().await.unwrap();
            }
            Ok::<_, OpenError>(())
        });
        work.await.unwrap();
        let seen = server.seen();
        let carried = seen.iter().map(|seen| {
            let host = seen.headers[header::HOST].to_str().unwrap();
            let is_local = host.starts_with("localhost");
            (is_local, seen.headers.contains_key("traceparent"))
        });
        let (never, always) = ((true, false), (false, true));
        let expected = [never, always, never, always, never, always];
        assert_eq!(carried.collect::<Vec<_>>(), expected, "{way:?}");
    }
}

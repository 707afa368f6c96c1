//! Methods, bodies and the headers about them.

use http::{HeaderMap, HeaderValue, Method, Request, Response};
use http_body_util::BodyExt as _;
use http_context::{OpenError, builder, http_session};
use http_context_tests::{Server, full_body};
use hyper::body::Incoming;
use reqwest::Body;

/// Answers with the method and the body that came.
async fn what_came(request: Request<Incoming>) -> Response<http_context_tests::ResponseBody> {
    let method = request.method().clone();
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let text = format!("{method} {}", String::from_utf8_lossy(&body));
    Response::new(full_body(text))
}

async fn sent(method: &Method, status: u16, body: Option<&'static str>) -> (String, HeaderMap) {
    let server = Server::builder()
        .redirect("/away", status, "/here")
        .handler("/here", what_came)
        .start();
    let text = builder().open(async {
        let mut request = http_session()?.request(method.clone(), server.url("/away"));
        if let Some(body) = body {
            request = request
                .body(body)
                .header("content-type", "text/plain")
                .header("content-language", "en")
                .header("x-kept", "yes");
        }
        Ok::<_, OpenError>(request.send().await.unwrap().text().await.unwrap())
    });
    let text = text.await.unwrap();
    (text, server.seen().pop().unwrap().headers)
}

#[tokio::test]
async fn the_method_and_the_body_change_as_the_fetch_standard_says() {
    let (get, head, post, put) = (Method::GET, Method::HEAD, Method::POST, Method::PUT);
    let delete = Method::DELETE;
    for (method, status, expected) in [
        (&post, 301, "GET "),
        (&post, 302, "GET "),
        (&post, 303, "GET "),
        (&post, 307, "POST body"),
        (&post, 308, "POST body"),
        (&put, 301, "PUT body"),
        (&put, 302, "PUT body"),
        (&put, 303, "GET "),
        (&put, 307, "PUT body"),
        (&delete, 302, "DELETE body"),
        (&delete, 303, "GET "),
        (&get, 303, "GET body"),
        // The answer to a `HEAD` has no body to say it in.
        (&head, 303, ""),
    ] {
        let (came, headers) = sent(method, status, Some("body")).await;
        assert_eq!(came, expected, "{method} {status}");
        assert_eq!(headers["x-kept"], "yes");
        let keeps_body = *method == head || expected.ends_with("body");
        for about_the_body in ["content-type", "content-language", "content-length"] {
            let is_there = headers.contains_key(about_the_body);
            assert_eq!(is_there, keeps_body, "{method} {status}: {about_the_body}");
        }
    }
}

#[tokio::test]
async fn an_empty_body_stays_empty() {
    for (status, expected, length) in [
        (302, "GET ", None),
        (307, "POST ", Some(HeaderValue::from_static("0"))),
    ] {
        let (came, headers) = sent(&Method::POST, status, None).await;
        assert_eq!(came, expected, "{status}");
        assert_eq!(headers.get("content-length"), length.as_ref(), "{status}");
    }
}

#[tokio::test]
async fn a_stream_is_sent_once() {
    for (status, expected) in [
        (303, Some("GET ")),
        (302, Some("GET ")),
        (307, None),
        (308, None),
    ] {
        let server = Server::builder()
            .redirect("/away", status, "/here")
            .handler("/here", what_came)
            .start();
        let work = builder().open(async {
            let chunks = futures_util::stream::iter([Ok::<_, std::io::Error>("body")]);
            let request = http_session()?.post(server.url("/away"));
            let sent = request.body(Body::wrap_stream(chunks)).send().await;
            if let Some(expected) = expected {
                assert_eq!(sent.unwrap().text().await.unwrap(), expected);
                return Ok(());
            }
            let error = sent.unwrap_err();
            assert_eq!(error.kind(), http_context::ErrorKind::Redirect);
            let source = std::error::Error::source(&error).unwrap().to_string();
            assert!(source.contains("cannot be sent twice"), "{source}");
            Ok::<_, OpenError>(())
        });
        work.await.unwrap();
    }
}

/// What is left of it is the limit of the next request, whose answer takes longer than no time at all.
#[tokio::test]
#[expect(
    clippy::disallowed_methods,
    reason = "a limit that is over ends what takes longer than a clock's tick"
)]
async fn a_request_with_a_time_limit_is_redirected_within_it() {
    let server = Server::builder()
        .redirect("/away", 302, "/on")
        .redirect("/on", 302, "/here")
        .handler("/here", |request| async {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            what_came(request).await
        })
        .start();
    let text = builder().open(async {
        let request = http_session()?.get(server.url("/away"));
        let limit = std::time::Duration::from_mins(1);
        let response = request.timeout(limit).send().await.unwrap();
        Ok::<_, OpenError>(response.text().await.unwrap())
    });
    assert_eq!(text.await.unwrap(), "GET ");
}

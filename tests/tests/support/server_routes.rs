//! Each route answers what the table says, on every wire.

use http_context_tests::{Server, full_body, tls};
use reqwest::{Client, Response, StatusCode, Version, header, redirect::Policy};

use crate::wire::Wire;

async fn get(server: &Server, client: &Client, path: &str) -> Response {
    client.get(server.url(path)).send().await.unwrap()
}

#[tokio::test]
async fn a_server_speaks_the_protocol_that_the_wire_says() {
    for wire in Wire::ALL {
        let (server, client) = wire.pair();
        let response = get(&server, &client, "/ok").await;
        assert_eq!(response.version(), wire.version(), "{wire:?}");
        assert_eq!(response.text().await.unwrap(), "ok");
        assert_eq!(server.seen()[0].version, wire.version());
    }
}

#[tokio::test]
async fn bytes_come_with_their_length_and_chunks_without() {
    for wire in Wire::ALL {
        let (server, client) = wire.pair();
        let whole = get(&server, &client, "/bytes/100000").await;
        assert_eq!(whole.content_length(), Some(100_000));
        assert_eq!(whole.bytes().await.unwrap().len(), 100_000);

        let chunked = get(&server, &client, "/chunked/7/1000").await;
        assert_eq!(chunked.content_length(), None);
        assert_eq!(chunked.bytes().await.unwrap().len(), 7_000);
        let counts = server.wait_until(|counts| counts.completed == 2).await;
        assert_eq!(counts.response_bytes, 107_000);
    }
}

#[tokio::test]
async fn a_status_is_answered_as_asked() {
    let (server, client) = Wire::Http1.pair();
    for code in [200, 204, 304, 404, 418, 503] {
        let response = get(&server, &client, &format!("/status/{code}")).await;
        assert_eq!(response.status(), code);
    }
    let unknown = get(&server, &client, "/nowhere").await;
    assert_eq!(unknown.status(), StatusCode::NOT_FOUND);
    server.wait_until(|counts| counts.completed == 7).await;
}

#[tokio::test]
async fn a_redirect_goes_as_many_hops_as_asked() {
    let (server, client) = Wire::Http1.pair();
    let response = get(&server, &client, "/redirect/3").await;
    assert_eq!(response.url().path(), "/redirect/0");
    let counts = server.wait_until(|counts| counts.completed == 4).await;
    assert_eq!((counts.requests, counts.accepted), (4, 1));

    let client = Client::builder().redirect(Policy::none()).build().unwrap();
    let response = get(&server, &client, "/redirect/3").await;
    assert_eq!(response.headers()[header::LOCATION], "/redirect/2");
}

#[tokio::test]
async fn an_echo_gives_back_what_was_sent_and_an_upload_its_length() {
    for wire in Wire::ALL {
        let (server, client) = wire.pair();
        let sent = vec![b'y'; 50_000];
        let request = client.post(server.url("/echo")).body(sent.clone());
        let echoed = request.send().await.unwrap().bytes().await.unwrap();
        assert_eq!(echoed, sent);

        let request = client.post(server.url("/upload")).body(sent);
        let length = request.send().await.unwrap().text().await.unwrap();
        assert_eq!(length, "50000");
        assert_eq!(server.counts().request_bytes, 100_000, "{wire:?}");
    }
}

#[tokio::test]
async fn trailers_arrive_after_the_body() {
    use http_body_util::BodyExt as _;

    for wire in Wire::ALL {
        let (server, client) = wire.pair();
        let request = client.get(server.url("/trailers")).header("te", "trailers");
        let response: http::Response<reqwest::Body> = request.send().await.unwrap().into();
        let body = response.into_body().collect().await.unwrap();
        assert_eq!(body.trailers().unwrap()["x-trailer"], "after", "{wire:?}");
        assert_eq!(body.to_bytes(), "xx");
    }
}

#[tokio::test]
async fn a_handler_of_the_test_answers_its_path() {
    let server = Server::builder()
        .handler("/mine", |request| async move {
            http::Response::new(full_body(request.uri().path().to_owned()))
        })
        .start();
    let response = reqwest::get(server.url("/mine")).await.unwrap();
    assert_eq!(response.text().await.unwrap(), "/mine");
    server.wait_until(|counts| counts.completed == 1).await;
}

#[tokio::test]
async fn a_server_is_reached_on_the_family_it_listens_on() {
    let v6 = Server::builder().ipv6().start();
    assert!(v6.addr().is_ipv6());
    reqwest::get(v6.url("/ok")).await.unwrap();

    let both = Server::builder().dual_stack().start();
    let port = both.addr().port();
    for url in [
        format!("http://127.0.0.1:{port}/ok"),
        format!("http://[::1]:{port}/ok"),
    ] {
        reqwest::get(url).await.unwrap();
    }
    assert_eq!(both.counts().accepted, 2);
}

#[tokio::test]
async fn a_bad_certificate_fails_the_handshake() {
    for leaf in [
        tls::Leaf::WrongName,
        tls::Leaf::Expired,
        tls::Leaf::UnknownIssuer,
    ] {
        let server = Server::builder().tls_with(leaf).start();
        let client = tls::trusting(Client::builder()).build().unwrap();
        let error = client.get(server.url("/ok")).send().await.unwrap_err();
        assert!(error.is_connect(), "{leaf:?}: {error:?}");
        let counts = server.wait_until(|counts| counts.closed() == 1).await;
        assert_eq!(counts.requests, 0);
        assert_eq!(
            (counts.handshakes_failed, counts.closed_by_error),
            (1, 1),
            "{leaf:?}"
        );
    }
}

#[tokio::test]
async fn both_versions_are_offered_by_alpn_and_http2_is_chosen() {
    let server = Server::builder().tls().start();
    let client = tls::trusting(Client::builder()).build().unwrap();
    assert_eq!(
        get(&server, &client, "/ok").await.version(),
        Version::HTTP_2
    );
    let client = tls::trusting(Client::builder())
        .http1_only()
        .build()
        .unwrap();
    assert_eq!(
        get(&server, &client, "/ok").await.version(),
        Version::HTTP_11
    );
}

#[tokio::test]
async fn a_body_that_is_cut_off_arrives_as_far_as_it_went() {
    for wire in Wire::ALL {
        for path in ["/cut/10", "/cut-chunked/10"] {
            let (server, client) = wire.pair();
            let mut response = get(&server, &client, path).await;
            assert_eq!(response.chunk().await.unwrap().unwrap(), "xxxxxxxxxx");
            response.chunk().await.unwrap_err();
            let counts = server.wait_until(|counts| counts.aborted == 1).await;
            assert_eq!((counts.heads, counts.completed), (1, 0), "{wire:?}");
        }
    }
}

/// The HTTP/2 code with which a stream ended.
fn reason(error: &reqwest::Error) -> Option<h2::Reason> {
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref::<h2::Error>() {
            return error.reason();
        }
        source = error.source();
    }
    None
}

#[tokio::test]
async fn a_stream_is_reset_with_the_code_that_was_asked_for() {
    for wire in [Wire::Http2, Wire::TlsHttp2] {
        let (server, client) = wire.pair();
        let url = server.url("/reset/8");
        let error = client.get(url).send().await.unwrap_err();
        assert_eq!(reason(&error), Some(h2::Reason::CANCEL));

        let mut response = get(&server, &client, "/reset-body/2").await;
        assert_eq!(response.chunk().await.unwrap().unwrap(), "first");
        let error = response.chunk().await.unwrap_err();
        assert_eq!(reason(&error), Some(h2::Reason::INTERNAL_ERROR));
        let counts = server.wait_until(|counts| counts.aborted == 2).await;
        assert_eq!((counts.aborted_before_head, counts.accepted), (1, 1));
    }
}

#[tokio::test]
async fn a_stream_is_reset_as_often_as_asked_and_then_answered() {
    let (server, client) = Wire::Http2.pair();
    let ask = |path| client.get(server.url(path)).send();
    ask("/reset/2/2").await.unwrap_err();
    ask("/reset/2/2").await.unwrap_err();
    let response = ask("/reset/2/2").await.unwrap();
    assert_eq!(response.text().await.unwrap(), "ok");
}

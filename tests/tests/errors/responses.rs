//! What is done with a response shows no secret when it fails.

use std::io::{Read as _, Write as _};

use bytes::Bytes;
use futures_util::StreamExt as _;
use http_context::{FinalUrl, OpenError, builder, http_session};
use http_context_tests::{RefusedPort, Server, shown};
use reqwest::{Method, Request, Response, Url};

use crate::middleware::retries;
use crate::{BoxError, SECRET};

/// A response to a request whose URL has secrets wherever they may stand.
async fn response(server: &Server, path: &str) -> Response {
    let authority = server.addr();
    let url = format!("http://user:{SECRET}@{authority}{path}?a=1&X-Amz-Signature={SECRET}");
    let request = Request::new(Method::GET, Url::parse(&url).unwrap());
    http_session().unwrap().execute(request).await.unwrap()
}

#[tokio::test]
async fn no_error_of_a_response_shows_a_secret_of_its_url() {
    let server = Server::start();
    for context in [builder(), builder().with(retries(1))] {
        let work = context.max_response_body(3).open(async {
            let mut errors = Vec::new();
            for path in ["/status/404", "/status/500"] {
                let failed = response(&server, path).await;
                errors.push(failed.error_for_status_ref().unwrap_err());
                errors.push(failed.error_for_status().unwrap_err());
            }
            errors.push(
                response(&server, "/ok")
                    .await
                    .json::<u8>()
                    .await
                    .unwrap_err(),
            );
            errors.push(
                response(&server, "/status/204")
                    .await
                    .json::<u8>()
                    .await
                    .unwrap_err(),
            );
            let long = "/bytes/1000";
            errors.push(response(&server, long).await.text().await.unwrap_err());
            errors.push(response(&server, long).await.bytes().await.unwrap_err());
            errors.push(
                response(&server, long)
                    .await
                    .json::<u8>()
                    .await
                    .unwrap_err(),
            );
            errors.push(response(&server, long).await.chunk().await.unwrap_err());
            let mut stream = response(&server, long).await.bytes_stream();
            errors.push(stream.next().await.unwrap().unwrap_err());
            Ok::<_, OpenError>(errors)
        });
        for error in work.await.unwrap() {
            let text = shown(&error);
            assert!(!text.contains(SECRET), "{text}");
        }
    }
}

#[tokio::test]
async fn the_debug_text_of_a_response_shows_no_secret_of_its_url() {
    let server = Server::start();
    let work = builder().open(async {
        for path in ["/ok", "/status/204"] {
            let response = response(&server, path).await;
            let text = format!("{response:?} {}", response.url());
            assert!(!text.contains(SECRET), "{text}");
            assert!(text.contains("a=1&X-Amz-Signature=REDACTED"), "{text}");
        }
        Ok::<_, OpenError>(())
    });
    work.await.unwrap();
}

#[tokio::test]
async fn the_whole_url_is_there_for_who_asks_for_it() {
    let server = Server::start();
    let work = builder().open(async {
        for path in ["/ok", "/status/204", "/redirect/1"] {
            let response = response(&server, path).await;
            let whole = FinalUrl::of(&response);
            if path != "/redirect/1" {
                assert!(whole.query().is_some_and(|query| query.contains(SECRET)));
                let kept = response.extensions().get::<FinalUrl>().unwrap();
                assert_eq!(format!("{kept:?}"), "FinalUrl { .. }");
            }
            // Where there is no secret the response has its one URL.
            let plain = http_session()?.get(server.url(path)).send().await.unwrap();
            assert_eq!(FinalUrl::of(&plain), plain.url());
            assert!(plain.extensions().get::<FinalUrl>().is_none());
        }
        Ok::<_, OpenError>(())
    });
    work.await.unwrap();
}

#[tokio::test]
async fn a_reason_that_repeats_a_secret_is_not_repeated() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/x?sig={SECRET}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let _ = socket.read(&mut [0; 1024]).unwrap();
        let answer = format!("HTTP/1.1 403 bad {SECRET}\r\ncontent-length: 0\r\n\r\n");
        socket.write_all(answer.as_bytes()).unwrap();
    });
    let work = builder().open(async {
        let response = http_session()?.get(&url).send().await.unwrap();
        Ok::<_, OpenError>(response.error_for_status().unwrap_err())
    });
    let error = work.await.unwrap();
    assert!(!shown(&error).contains(SECRET), "{error}");
    assert!(error.to_string().contains("403 Forbidden"), "{error}");
}

#[tokio::test]
async fn an_error_of_a_client_of_the_session_has_the_url_without_its_secret() {
    let dead = RefusedPort::new();
    let url = format!("http://{}/x?page=2&sig={SECRET}", dead.addr());
    for context in [builder(), builder().with(retries(1))] {
        let work = context.open(async {
            let client = http_session()?.client();
            Ok::<_, OpenError>(client.get(&url).send().await.unwrap_err())
        });
        let error = work.await.unwrap();
        let text = shown(&error);
        assert!(!text.contains(SECRET), "{text}");
        assert!(text.contains("/x?page=2&sig=REDACTED"), "{text}");
    }
}

/// The function of the README.
async fn title(url: &str) -> Result<String, Box<dyn std::error::Error>> {
    Ok(http_session()?.get(url).send().await?.text().await?)
}

/// And that of the crate's documentation.
async fn title_of_success(url: &str) -> Result<String, Box<dyn std::error::Error>> {
    Ok(http_session()?
        .get(url)
        .send()
        .await?
        .error_for_status()?
        .text()
        .await?)
}

#[tokio::test]
async fn the_functions_of_the_documentation_leak_no_signature() {
    let mut server = Server::start();
    let presigned = |path: &str| format!("{}?X-Amz-Signature={SECRET}", server.url(path));
    let (missing, large) = (presigned("/status/404"), presigned("/bytes/1000"));
    let work = builder().max_response_body(3).open(async {
        let mut errors = vec![
            title_of_success(&missing).await.unwrap_err(),
            title(&large).await.unwrap_err(),
        ];
        server.shutdown();
        errors.push(title(&missing).await.unwrap_err());
        Ok::<_, Box<dyn std::error::Error>>(errors)
    });
    for error in work.await.unwrap() {
        // As `main` prints it.
        let printed = format!("Error: {error:?}");
        assert!(!printed.contains(SECRET), "{printed}");
        assert!(!shown(&*error).contains(SECRET), "{error:?}");
    }
}

/// A middleware that answers by itself, with a body that fails.
struct FailingBody;

#[async_trait::async_trait]
impl reqwest_middleware::Middleware for FailingBody {
    async fn handle(
        &self,
        request: Request,
        _: &mut http::Extensions,
        _: reqwest_middleware::Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        let failed = format!("cannot read {}", request.url());
        let failing = futures_util::stream::iter([
            Ok(Bytes::from_static(b"some")),
            Err::<Bytes, BoxError>(failed.into()),
        ]);
        let body = reqwest::Body::wrap_stream(failing);
        Ok(http::Response::new(body).into())
    }
}

#[tokio::test]
async fn the_error_of_a_body_that_a_middleware_made_shows_no_secret() {
    let work = builder().with(FailingBody).open(async {
        let session = http_session()?;
        let url = format!("http://127.0.0.1:1/?sig={SECRET}");
        let response = session.get(&url).send().await.unwrap();
        Ok::<_, OpenError>(response.text().await.unwrap_err())
    });
    let text = shown(&work.await.unwrap());
    assert!(!text.contains(SECRET), "{text}");
    assert!(
        text.contains("cannot read http://127.0.0.1:1/?sig=REDACTED"),
        "{text}"
    );
}

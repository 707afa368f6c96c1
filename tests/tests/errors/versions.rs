//! What is said of a version of HTTP that the other side does not speak.

use http::Version;
use http_context::{ContextBuilder, HttpVersions, RequestError, Tls, builder, http_session};
use http_context_tests::{Server, tls};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::BoxError;

const ASK: &str = "ask for it in clear with `version(Version::HTTP_2)`";
const DO_NOT_ASK: &str = "do not ask for HTTP/2 in clear";
const LEAVE_AWAY: &str = "leave `version` away";

async fn failure(context: ContextBuilder, url: String, version: Version) -> RequestError {
    let work = context.open(async {
        let request = http_session()?.get(url).version(version);
        Ok::<_, BoxError>(request.send().await.expect_err("it is not spoken"))
    });
    work.await.expect("the session is there")
}

fn says(error: &RequestError, advice: &str) {
    assert!(error.to_string().contains(advice), "{error}: {error:?}");
}

#[tokio::test]
async fn a_server_in_clear_that_speaks_http2_alone_is_to_be_asked_for_it() {
    // Its settings come before the request is on its way, or after: it is another error each time.
    for _ in 0..20 {
        let server = Server::builder().http2().start();
        let error = failure(builder(), server.url("/ok"), Version::HTTP_11).await;
        says(&error, ASK);
    }
}

#[tokio::test]
async fn the_advice_helps() {
    let server = Server::builder().http2().start();
    let work = builder().open(async {
        let request = http_session()?.get(server.url("/ok"));
        let response = request.version(Version::HTTP_2).send().await?;
        Ok::<_, BoxError>(response.version())
    });
    assert_eq!(work.await.unwrap(), Version::HTTP_2);
    let versions = builder().http_versions(HttpVersions::Http2);
    let work = versions.open(async {
        let response = http_session()?.get(server.url("/ok")).send().await?;
        Ok::<_, BoxError>(response.version())
    });
    assert_eq!(work.await.unwrap(), Version::HTTP_2);
    assert_eq!(server.counts().requests, 2);
}

#[tokio::test]
async fn a_server_in_clear_that_speaks_http1_alone_is_not() {
    // One that closes without an answer says nothing of itself: this one answers, and waits.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let _ = socket.read(&mut [0; 1024]).await;
                let answer = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n";
                socket.write_all(answer).await.unwrap();
                while socket.read(&mut [0; 1024]).await.is_ok_and(|read| read > 0) {}
            });
        }
    });
    for versions in [HttpVersions::All, HttpVersions::Http2] {
        let context = builder().http_versions(versions);
        let error = failure(context, url.clone(), Version::HTTP_2).await;
        says(&error, DO_NOT_ASK);
    }
}

#[tokio::test]
async fn a_version_that_the_connection_does_not_speak_is_named_as_that() {
    let clear = Server::start();
    let secure = Server::builder().tls().http1().start();
    let trusting = || builder().tls(Tls::ClientBuilder).configure(tls::trusting);
    for (url, version) in [
        (clear.url("/ok"), Version::HTTP_3),
        (clear.url("/ok"), Version::HTTP_09),
        (secure.url("/ok"), Version::HTTP_3),
        (secure.url("/ok"), Version::HTTP_2),
    ] {
        let error = failure(trusting(), url, version).await;
        says(&error, LEAVE_AWAY);
    }
    assert_eq!([clear.counts().requests, secure.counts().requests], [0, 0]);
}

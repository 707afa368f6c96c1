//! Relative URLs are joined to the base of their context.

use http_context::websocket::Message;
use http_context::{HttpSession, RequestBuilder, SessionPool, builder, http_session};
use http_context_tests::{Server, WebSocketPeer, WebSocketServer};
use reqwest::{Method, Request};

use crate::{BoxError, expected, sent};

fn joined(session: &HttpSession, url: &str) -> String {
    let request = session.get(url).build().unwrap();
    request.url().to_string()
}

#[tokio::test]
async fn a_relative_url_is_joined_and_a_whole_one_is_not() {
    let (server, other) = (Server::start(), Server::start());
    let base = server.url("/status/");
    builder()
        .base_url(base)
        .open(async {
            let session = http_session()?;
            for (url, status) in [("204", 204), ("/ok", 200), ("../status/404?page=2", 404)] {
                assert_eq!(session.get(url).send().await?.status(), status);
            }
            session.get(other.url("/ok")).send().await?;
            session
                .post(String::from("/upload"))
                .body("x")
                .send()
                .await?;
            Ok::<_, BoxError>(())
        })
        .await
        .unwrap();
    let seen = server.seen();
    let seen: Vec<_> = seen.iter().map(|seen| seen.uri.to_string()).collect();
    assert_eq!(
        seen,
        ["/status/204", "/ok", "/status/404?page=2", "/upload"]
    );
    assert_eq!(other.counts().requests, 1);
}

#[tokio::test]
async fn it_is_the_context_s_and_not_the_pool_s() {
    let servers = [Server::start(), Server::start()];
    let pool = SessionPool::builder().max_size(1).build();
    for server in &servers {
        let job = builder().pool(pool.clone()).base_url(server.url("/"));
        let job = job.open(async {
            http_session()?.get("ok").send().await?.bytes().await?;
            Ok::<_, BoxError>(http_session()?.id())
        });
        job.await.unwrap();
    }
    let none = builder().pool(pool).open(async {
        let error = http_session()?.get("ok").send().await.unwrap_err();
        let source = std::error::Error::source(error.as_reqwest().unwrap());
        assert_eq!(source.unwrap().to_string(), "relative URL without a base");
        Ok::<_, BoxError>(())
    });
    none.await.unwrap();
    assert!(servers.iter().all(|server| server.counts().requests == 1));
}

#[tokio::test]
async fn what_was_built_elsewhere_stays_as_it_is() {
    let context = builder().base_url("http://127.0.0.1:1/v1/");
    let work = context.open(async {
        let session = http_session()?;
        let whole = Request::new(Method::GET, "http://host/x".parse()?);
        let request = RequestBuilder::from_parts(session, whole).build()?;
        assert_eq!(request.url().as_str(), "http://host/x");
        Ok::<_, BoxError>(())
    });
    work.await.unwrap();
}

#[tokio::test]
async fn its_secrets_are_in_no_text() {
    let base = "http://me:hunter2@127.0.0.1:1/v1/?sig=hunter3";
    let context = builder().base_url(base);
    let mut texts = vec![format!("{context:?}")];
    let work = context.open(async {
        let session = http_session()?;
        assert_eq!(joined(&session, "x"), "http://127.0.0.1:1/v1/x");
        let error = session.get("").send().await.unwrap_err();
        texts.push(format!("{error} {error:?}"));
        let error = session.get("//[").send().await.unwrap_err();
        texts.push(format!("{error} {error:?}"));
        Ok::<_, BoxError>(())
    });
    work.await.unwrap();
    for base in [
        "ftp://me:hunter2@host/?sig=hunter3",
        "http://me:hunter2@host:x/",
    ] {
        let refused = builder().base_url(base);
        let refused = refused.open(async { Ok::<_, http_context::OpenError>(()) });
        let error = refused.await.unwrap_err();
        texts.push(format!(
            "{error} {error:?} {:?}",
            std::error::Error::source(&error)
        ));
    }
    for text in texts {
        assert!(!text.contains("hunter"), "{text}");
    }
}

#[tokio::test]
async fn its_user_info_goes_with_what_is_joined_to_it_and_nowhere_else() {
    let (server, other) = (Server::start(), Server::start());
    let base = server.url("/").replace("//", "//me:pw@");
    let work = builder().base_url(base).open(async {
        let session = http_session()?;
        session.get("ok").send().await?;
        session.get(other.url("/ok")).send().await?;
        Ok::<_, BoxError>(())
    });
    work.await.unwrap();
    let name = reqwest::header::AUTHORIZATION;
    assert_eq!(
        sent(&server, &name),
        expected(&[("/ok", Some("Basic bWU6cHc="))])
    );
    assert_eq!(sent(&other, &name), expected(&[("/ok", None)]));
}

#[tokio::test]
async fn a_websocket_is_joined_as_well() {
    let server = WebSocketServer::start();
    let url = server.serve(WebSocketPeer::echoes());
    let (base, name) = url.split_at(url.rfind('/').unwrap() + 1);
    let base = base.replace("ws:", "http:");
    let work = builder().base_url(base).open(async {
        let mut socket = http_session()?.websocket(name).connect().await?;
        socket.send(Message::text("hello")).await?;
        let answer = socket.next().await.unwrap()?;
        assert_eq!(answer, Message::text("hello"));
        Ok::<_, BoxError>(())
    });
    work.await.unwrap();
    assert_eq!(server.seen(&url).len(), 1);
}

//! A limit on the time between two reads of a response ends what has gone silent, and nothing else.

use std::time::Duration;

use async_trait::async_trait;
use http::{Extensions, Response};
use http_context::{
    ContextBuilder, ErrorKind, OpenError, ReadTimeout, RequestFailure, builder, http_session,
};
use http_context_tests::{Server, ServerBuilder, UpgradeServer, full_body};
use reqwest::Request;
use reqwest_middleware::{Middleware, Next};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const LIMIT: Duration = Duration::from_millis(200);
const LONG: Duration = Duration::from_mins(1);

/// A server and a context that speak to one another by HTTP/1.1, and by HTTP/2.
fn each_version() -> [(Server, ContextBuilder); 2] {
    let by_http2 = builder().configure(reqwest::ClientBuilder::http2_prior_knowledge);
    let started = ServerBuilder::start;
    [
        (started(Server::builder().http1()), builder()),
        (started(Server::builder().http2()), by_http2),
    ]
}

#[tokio::test]
async fn a_request_whose_head_does_not_come_fails_with_the_limit() {
    for (server, context) in each_version() {
        let work = context.open(async {
            let request = http_session()?.get(server.url("/never"));
            let error = request.read_timeout(LIMIT).send().await.unwrap_err();
            assert!(error.is_timeout(), "{error:?}");
            assert_eq!(error.kind(), ErrorKind::Timeout);
            let RequestFailure::ReadTimeout(timeout) = error.failure() else {
                panic!("{error:?}")
            };
            assert_eq!(timeout.limit, LIMIT);
            server.wait_until(|counts| counts.held == 0).await;
            Ok::<_, OpenError>(())
        });
        let report = work.with_report().await.1.unwrap();
        assert!(report.is_clean(), "{report}");
    }
}

#[tokio::test]
async fn a_body_that_goes_silent_fails_with_the_limit_and_frees_the_server() {
    for (server, context) in each_version() {
        let work = context.open(async {
            let request = http_session()?.get(server.url("/slow-body"));
            let mut response = request.read_timeout(LIMIT).send().await.unwrap();
            assert_eq!(response.chunk().await.unwrap().unwrap(), "first");
            let error = response.chunk().await.unwrap_err();
            assert!(error.is_timeout(), "{error:?}");
            assert_eq!(ErrorKind::of(&error), ErrorKind::Timeout);
            assert_eq!(ReadTimeout::find(&error).unwrap().limit, LIMIT);
            server.wait_until(|counts| counts.held == 0).await;
            assert!(response.chunk().await.unwrap().is_none());
            Ok::<_, OpenError>(())
        });
        let report = work.with_report().await.1.unwrap();
        assert!(report.is_clean(), "{report}");
    }
}

#[tokio::test]
async fn the_limit_of_a_request_stands_in_place_of_that_of_its_session() {
    for (server, context) in each_version() {
        let work = context.read_timeout(LIMIT).open(async {
            let session = http_session()?;
            let own = session.get(server.url("/slow-body")).read_timeout(LONG);
            let mut own = own.send().await.unwrap();
            assert_eq!(own.chunk().await.unwrap().unwrap(), "first");
            let rest = tokio::spawn(async move { own.chunk().await });
            // It waits for longer than this one, whose limit runs out.
            let of_session = session.get(server.url("/never")).send().await;
            let error = of_session.unwrap_err();
            assert_eq!(ReadTimeout::find(&error).unwrap().limit, LIMIT);
            server.gate().open();
            assert_eq!(rest.await.unwrap().unwrap().unwrap(), "rest.");
            Ok::<_, OpenError>(())
        });
        work.await.unwrap();
    }
    let server = Server::start();
    let work = builder().read_timeout(LONG).open(async {
        let request = http_session()?.get(server.url("/never"));
        let error = request.read_timeout(LIMIT).send().await.unwrap_err();
        assert_eq!(ReadTimeout::find(&error).unwrap().limit, LIMIT);
        Ok::<_, OpenError>(())
    });
    work.await.unwrap();
}

#[tokio::test]
async fn a_reader_that_turns_to_something_else_meanwhile_is_not_late() {
    for (server, context) in each_version() {
        let work = context.open(async {
            let session = http_session()?;
            let request = session.get(server.url("/slow-body"));
            let mut response = request.read_timeout(LIMIT).send().await.unwrap();
            // Longer than the limit, in which nobody reads.
            let other = session.get(server.url("/never")).read_timeout(LIMIT * 2);
            assert!(other.send().await.is_err());
            server.gate().open();
            let text: Vec<u8> = {
                let mut all = Vec::new();
                while let Some(chunk) = response.chunk().await.unwrap() {
                    all.extend_from_slice(&chunk);
                }
                all
            };
            assert_eq!(text, b"firstrest.");
            Ok::<_, OpenError>(())
        });
        work.await.unwrap();
    }
}

#[tokio::test]
#[expect(
    clippy::disallowed_methods,
    reason = "the servers of the hops take their time, together more than the limit"
)]
async fn each_hop_of_a_redirect_has_the_whole_limit() {
    let (limit, most_of_it) = (Duration::from_secs(2), Duration::from_millis(1100));
    let after_a_while = move |status: u16| {
        move |_| async move {
            tokio::time::sleep(most_of_it).await;
            let answer = Response::builder().status(status);
            let answer = answer.header("location", "/last");
            answer.body(full_body("ok")).unwrap()
        }
    };
    let server = Server::builder()
        .handler("/first", after_a_while(302))
        .handler("/last", after_a_while(200))
        .redirect("/away", 302, "/never")
        .start();
    let work = builder().open(async {
        let session = http_session()?;
        let request = session.get(server.url("/first")).read_timeout(limit);
        assert_eq!(request.send().await.unwrap().text().await.unwrap(), "ok");
        let request = session.get(server.url("/away")).read_timeout(LIMIT);
        let error = request.send().await.unwrap_err();
        assert_eq!(ReadTimeout::find(&error).unwrap().limit, LIMIT);
        Ok::<_, OpenError>(())
    });
    work.await.unwrap();
}

#[tokio::test]
async fn a_request_that_asks_for_an_upgrade_has_it_until_its_head() {
    let server = Server::start();
    let work = builder().open(async {
        let request = http_session()?.get(server.url("/never"));
        let request = request.header("upgrade", "any").read_timeout(LIMIT);
        let error = request.upgrade().await.unwrap_err();
        assert_eq!(ReadTimeout::find(&error).unwrap().limit, LIMIT);
        let upgrades = UpgradeServer::start();
        let request = http_session()?.get(upgrades.url("/"));
        let request = request.header("upgrade", "any").read_timeout(LIMIT);
        let mut io = request.upgrade().await.unwrap();
        // Longer than the limit, in which nothing comes, though somebody waits.
        let mut byte = [0; 1];
        let silent = tokio::time::timeout(LIMIT * 2, io.read_exact(&mut byte));
        assert!(silent.await.is_err());
        io.write_all(b"x").await.unwrap();
        io.flush().await.unwrap();
        io.read_exact(&mut byte).await.unwrap();
        Ok::<_, OpenError>(())
    });
    work.await.unwrap();
}

/// Tries again what timed out, once, and reads each response itself.
struct RetriesAndReads;

#[async_trait]
impl Middleware for RetriesAndReads {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<reqwest::Response> {
        let again = request.try_clone().unwrap();
        let response = match next.clone().run(request, extensions).await {
            Err(error) if error.is_timeout() => next.run(again, extensions).await?,
            other => other?,
        };
        let bytes = response.bytes().await?;
        Ok(Response::new(reqwest::Body::from(bytes)).into())
    }
}

#[tokio::test]
async fn middleware_takes_it_for_a_timeout_of_reqwest_and_reads_within_it() {
    for (server, context) in each_version() {
        let work = context.with(RetriesAndReads).open(async {
            let session = http_session()?;
            for (path, asked) in [("/never", 2), ("/slow-body", 1)] {
                let before = server.counts().requests;
                let request = session.get(server.url(path)).read_timeout(LIMIT);
                let error = request.send().await.unwrap_err();
                assert!(error.is_timeout(), "{error:?}");
                let RequestFailure::ReadTimeout(timeout) = error.failure() else {
                    panic!("{error:?}")
                };
                assert_eq!(timeout.limit, LIMIT);
                assert_eq!(server.counts().requests - before, asked);
            }
            Ok::<_, OpenError>(())
        });
        work.await.unwrap();
    }
}

#[tokio::test]
async fn clients_for_sdks_have_that_of_the_session_as_a_timeout_of_reqwest() {
    let server = Server::start();
    let work = builder().read_timeout(LIMIT).open(async {
        let client = http_session()?.client();
        let error = client.get(server.url("/never")).send().await.unwrap_err();
        assert!(error.is_timeout(), "{error:?}");
        assert_eq!(ReadTimeout::find(&error).unwrap().limit, LIMIT);
        Ok::<_, OpenError>(())
    });
    work.await.unwrap();
}

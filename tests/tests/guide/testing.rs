//! The tests that the page about tests shows, as they stand there.

use std::sync::{Arc, OnceLock};

use http_context::testing::Recorder;
use http_context::{HttpSession, builder, http_session};
use http_context_tests::Server;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What is tested.
async fn size(url: &str) -> Result<usize, BoxError> {
    Ok(http_session()?.get(url).send().await?.bytes().await?.len())
}

#[http_context::test]
async fn a_download_leaves_nothing_behind() -> Result<(), BoxError> {
    let server = Server::start();
    assert_eq!(size(&server.url("/bytes/1000")).await?, 1000);
    Ok(())
}

#[rstest::rstest]
#[case::whole("/bytes/1000", 1000)]
#[case::in_pieces("/chunked/10/100", 1000)]
#[case::empty("/status/204", 0)]
#[http_context::test]
async fn the_size_is_that_of_the_body(#[case] path: &str, #[case] expected: usize) {
    let server = Server::start();
    assert_eq!(size(&server.url(path)).await.unwrap(), expected);
}

#[tokio::test]
async fn what_happens_is_what_it_was() -> Result<(), BoxError> {
    let (server, recorder) = (Server::start(), Arc::new(Recorder::new()));
    let context = builder().observer(recorder.clone());
    context
        .open(async || size(&server.url("/ok")).await)
        .await?;
    insta::assert_snapshot!(recorder.names().join(" "), @"context_opened session_opened request_started request_sending connect_started connection_opened request_answered response_body_ended session_closed context_closed");
    Ok(())
}

#[tokio::test]
async fn a_session_that_is_kept_is_a_leak_of_the_line_that_got_it() {
    static KEPT: OnceLock<HttpSession> = OnceLock::new();
    let work = async || http_session().map(|session| drop(KEPT.set(session)));
    let (_, report) = builder().job(work).with_report().await;
    let leaks = report.unwrap().leaks;
    let kinds: Vec<_> = leaks.iter().map(|leak| leak.kind.as_str()).collect();
    insta::assert_snapshot!(kinds.join(" "), @"session_handle");
    assert!(leaks[0].acquired_at.unwrap().file().ends_with("testing.rs"));
}

//! The user agent of a session.

use http_context::{builder, http_session};
use http_context_tests::Server;
use reqwest::header::{HeaderMap, HeaderValue, USER_AGENT};

use crate::{BoxError, expected, sent};

#[tokio::test]
async fn a_session_has_a_user_agent_for_requests_that_have_none() {
    let server = Server::start();
    let name = HeaderValue::from_static;
    let headers = HeaderMap::from_iter([(USER_AGENT, name("of headers"))]);
    for context in [
        builder().user_agent(name("of session")),
        builder()
            .user_agent(name("of session"))
            .default_headers(headers.clone()),
        builder()
            .default_headers(headers)
            .user_agent(name("x"))
            .without_user_agent(),
        builder().user_agent(name("x")).without_user_agent(),
    ] {
        let work = context.open(async {
            let session = http_session()?;
            session.get(server.url("/ok")).send().await?;
            let own = session.get(server.url("/upload"));
            own.header(USER_AGENT, "own").send().await?;
            Ok::<_, BoxError>(())
        });
        work.await.unwrap();
    }
    let (own, session) = (("/upload", Some("own")), ("/ok", Some("of session")));
    let headers = ("/ok", Some("of headers"));
    let all = [session, own, session, own, headers, own, ("/ok", None), own];
    assert_eq!(sent(&server, &USER_AGENT), expected(&all));
}

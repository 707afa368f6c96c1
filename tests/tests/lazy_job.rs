//! A job that makes no request costs no socket: one test, in a process of its own.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, and says where"
)]

use http_context::{OpenError, builder, http_session};
use http_context_tests::{Server, sockets};

#[tokio::test]
async fn a_job_without_a_request_costs_no_socket_also_at_its_exit() {
    let server = Server::start();
    let before = sockets::all().len();
    let lazy = builder().lazy();
    let idle = lazy
        .clone()
        .open(async { Ok::<_, OpenError>(sockets::all().len()) });
    assert_eq!(idle.await.unwrap(), before);
    assert_eq!(sockets::all().len(), before);

    let busy = lazy.open(async {
        let response = http_session()?.get(server.url("/ok")).send().await?;
        let during = sockets::all().len();
        response.bytes().await?;
        Ok::<_, Box<dyn std::error::Error>>(during)
    });
    assert!(
        busy.await.unwrap() > before,
        "the count sees the sockets of one that does"
    );
    assert_eq!(server.counts().accepted, 1);
}

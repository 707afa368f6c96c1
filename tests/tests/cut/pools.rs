//! The sockets of warm sessions: they are cut off where one is closed, and not where it is handed on.

use std::sync::Arc;

use http_context::testing::Recorder;
use http_context::{HeldSocket, LeakKind, SessionPool, http_session};
use http_context_tests::{Server, sockets};

use crate::{BoxError, check, held, recorded, resolved};

#[tokio::test]
#[cfg_attr(http_context_no_kernel, ignore = "nobody shows that it is held")]
async fn a_socket_of_an_idle_session_is_cut_off_when_its_pool_closes() {
    let (server, (recorder, context)) = (Server::start(), recorded());
    let pool = SessionPool::builder().build();
    let work = context.pool(pool.clone()).open(async { held(&server) });
    let (held, report) = work.with_report().await;
    let held = held.unwrap();
    // It is warm.
    assert!(report.unwrap().is_clean());
    assert!(!held.has_ended());
    assert_eq!(server.counts().open(), 1);

    let report = pool.close().await;
    assert!(held.has_ended());
    assert!(!report.is_clean(), "{report}");
    assert_eq!((report.cut.len(), report.still_open.len()), (1, 0));
    assert_eq!(report.cut[0].remote, server.addr());
    assert!(report.to_string().contains("1 socket cut off"), "{report}");
    server.wait_until(|counts| counts.open() == 0).await;
    assert_eq!(recorder.leaks().len(), 0, "of no context");
    drop(held);
}

#[tokio::test]
async fn a_socket_that_is_not_to_be_cut_is_open_when_its_pool_has_closed() {
    let (server, (_, context)) = (Server::start(), recorded());
    let options = context.session_options().cut_held_sockets(false);
    let pool = SessionPool::builder().session(options).build();
    let work = context.pool(pool.clone()).open(async { held(&server) });
    let held = work.await.unwrap();
    let report = pool.close().await;
    assert!(!held.has_ended());
    assert_eq!(report.cut, []);
    let left = usize::from(http_context_tests::SEES_SOCKETS);
    assert_eq!(report.still_open.len(), left);
    assert_eq!(sockets::established_to(server.addr()), 1);
}

#[tokio::test]
#[cfg_attr(http_context_no_kernel, ignore = "nobody shows that it is held")]
async fn a_socket_of_a_session_that_leaked_is_cut_off_by_the_exit() {
    let server = Server::start();
    let recorder = Arc::new(Recorder::new());
    let pool = SessionPool::builder().build();
    let context = http_context::builder()
        .observer(recorder.clone())
        .pool(pool.clone());
    let work = context.open(async {
        let held = held(&server)?;
        Ok::<_, BoxError>((http_session()?, held))
    });
    let (kept, report) = work.with_report().await;
    let (session, held) = kept.unwrap();
    let mut leaks = report.unwrap().leaks;
    assert_eq!(leaks.remove(0).kind, LeakKind::SessionHandle);
    check(&leaks, &server, HeldSocket::Cut);
    assert!(held.has_ended());
    drop(session);
    server.wait_until(|counts| counts.open() == 0).await;
    resolved(&recorder).await;
    assert!(pool.close().await.is_clean());
}

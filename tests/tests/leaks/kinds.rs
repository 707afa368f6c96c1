//! Each kind of leak, made exactly once and reported exactly once; and beside it a twin that does
//! the same properly, and is clean.

use std::time::Duration;

use http_context::testing::{Fact, Recorder};
use http_context::{
    ContextBuilder, HeldSocket, Leak, LeakKind, LeakPolicy, OpenError, current, http_session,
};
use http_context_tests::{Server, UpgradeServer, sockets};

use crate::support::{BoxError, clean, only_leak, recorded};

#[tokio::test]
async fn a_session_handle_that_is_kept() {
    let (_, context) = recorded();
    let mut line = 0;
    let work = context.open(async {
        line = line!() + 1;
        let session = http_session().unwrap();
        Ok::<_, OpenError>(session.clone())
    });
    let (kept, report) = work.with_report().await;
    let leak = only_leak(&report.unwrap(), LeakKind::SessionHandle, line);
    assert_eq!(leak.count, 1);
    drop(kept);
}

#[tokio::test(start_paused = true)]
async fn a_session_handle_that_is_kept_is_at_most_as_old_as_its_session() {
    let (_, context) = recorded();
    let work = context.lazy().open(async {
        tokio::time::advance(Duration::from_mins(1)).await;
        let session = http_session().unwrap();
        tokio::time::advance(Duration::from_secs(5)).await;
        Ok::<_, OpenError>(session)
    });
    let (kept, report) = work.with_report().await;
    assert_eq!(report.unwrap().leaks[0].age, Duration::from_secs(5));
    drop(kept);
}

#[tokio::test]
async fn a_session_handle_that_is_dropped() {
    let (_, context) = recorded();
    let work = context.open(async { Ok::<_, OpenError>(http_session().unwrap().id()) });
    clean(work.with_report().await.1);
}

#[tokio::test]
async fn a_client_that_is_kept() {
    let (_, context) = recorded();
    let mut line = 0;
    let work = context.open(async {
        let session = http_session().unwrap();
        line = line!() + 1;
        Ok::<_, OpenError>(session.client())
    });
    let (kept, report) = work.with_report().await;
    only_leak(&report.unwrap(), LeakKind::ClientClone, line);
    drop(kept);
}

#[tokio::test]
async fn a_request_builder_that_is_kept() {
    let (_, context) = recorded();
    let mut line = 0;
    let work = context.open(async {
        let session = http_session().unwrap();
        line = line!() + 1;
        Ok::<_, OpenError>(session.get("http://127.0.0.1:1/"))
    });
    let (kept, report) = work.with_report().await;
    only_leak(&report.unwrap(), LeakKind::ClientClone, line);
    drop(kept);
}

#[tokio::test]
async fn a_client_and_a_request_builder_that_are_dropped() {
    let (_, context) = recorded();
    let work = context.open(async {
        let client = http_session().unwrap().client();
        drop(client.get("http://127.0.0.1:1/"));
        drop(http_session().unwrap().get("http://127.0.0.1:1/"));
        Ok::<_, OpenError>(())
    });
    clean(work.with_report().await.1);
}

#[tokio::test]
async fn a_request_that_is_in_flight_at_the_deadline() {
    let (server, (_, context)) = (Server::start(), recorded());
    let mut line = 0;
    let work = context.open(async {
        let session = http_session()?;
        line = line!() + 1;
        let request = session.get(server.url("/never")).send();
        let task = tokio::spawn(request);
        server.wait_until(|counts| counts.held == 1).await;
        Ok::<_, BoxError>(task)
    });
    let (task, report) = work.with_report().await;
    let leak = only_leak(&report.unwrap(), LeakKind::RequestInFlight, line);
    assert_eq!(leak.detail.unwrap(), format!("GET {}", server.addr()));
    assert!(leak.age >= Duration::from_millis(30), "the drain timeout");
    assert!(task.unwrap().await.unwrap().is_err());
}

#[tokio::test]
async fn a_request_that_ends_within_the_deadline() {
    let (server, (_, context)) = (Server::start(), recorded());
    let work = context.drain_timeout(Duration::from_secs(20)).open(async {
        let task = tokio::spawn(http_session()?.get(server.url("/slow-head")).send());
        server.wait_until(|counts| counts.held == 1).await;
        let gate = server.gate();
        tokio::spawn(async move { gate.open() });
        Ok::<_, BoxError>(tokio::spawn(async move {
            task.await?.map(drop).map_err(BoxError::from)
        }))
    });
    clean(work.with_report().await.1);
}

#[tokio::test]
async fn a_response_body_that_is_kept_unread() {
    let (server, (_, context)) = (Server::start(), recorded());
    let mut line = 0;
    let work = context.open(async {
        let session = http_session()?;
        line = line!() + 1;
        Ok::<_, BoxError>(session.get(server.url("/bytes/100000")).send().await?)
    });
    let (kept, report) = work.with_report().await;
    only_leak(&report.unwrap(), LeakKind::ResponseBody, line);
    drop(kept);
}

#[tokio::test]
async fn a_response_body_that_is_read_or_dropped() {
    let (server, (_, context)) = (Server::start(), recorded());
    let work = context.open(async {
        http_session()?
            .get(server.url("/bytes/100000"))
            .send()
            .await?
            .bytes()
            .await?;
        drop(
            http_session()?
                .get(server.url("/bytes/100000"))
                .send()
                .await?,
        );
        // There is nothing to read.
        let empty = http_session()?
            .get(server.url("/status/204"))
            .send()
            .await?;
        Ok::<_, BoxError>(empty)
    });
    let (empty, report) = work.with_report().await;
    assert_eq!(empty.unwrap().status(), 204);
    clean(report);
}

#[tokio::test]
async fn a_child_task_that_outlives_its_context() {
    let (_, context) = recorded();
    let mut line = 0;
    let work = context.open(async {
        line = line!() + 1;
        Ok::<_, OpenError>(http_context::spawn(std::future::pending::<()>()))
    });
    let (task, report) = work.with_report().await;
    only_leak(&report.unwrap(), LeakKind::Task, line);
    task.unwrap().abort();
}

#[tokio::test]
async fn a_child_task_that_is_awaited_or_aborted() {
    let (_, context) = recorded();
    let work = context.drain_timeout(Duration::from_secs(20)).open(async {
        http_context::spawn(tokio::task::yield_now()).await.unwrap();
        http_context::spawn(std::future::pending::<()>()).abort();
        Ok::<_, OpenError>(())
    });
    clean(work.with_report().await.1);
}

#[tokio::test]
async fn a_context_that_is_used_after_its_exit() {
    let (recorder, context) = recorded();
    let (exited, exit) = tokio::sync::oneshot::channel::<()>();
    let mut child = None;
    let work = context.open(async {
        child = Some(http_context::spawn(async {
            exit.await.unwrap();
            (http_session().is_err(), line!())
        }));
        Ok::<_, OpenError>(())
    });
    work.await.unwrap();
    exited.send(()).unwrap();
    let (is_refused, used_at) = child.unwrap().await.unwrap();
    assert!(is_refused);
    let leaks = recorder.leaks();
    let kinds: Vec<_> = leaks.iter().map(|leak| leak.kind).collect();
    // The task that did it outlived the context as well.
    assert_eq!(kinds, [LeakKind::Task, LeakKind::UseAfterExit]);
    assert_eq!(leaks[1].acquired_at.unwrap().line(), used_at);
    assert!(
        leaks[1].detail.as_ref().unwrap().contains("kinds.rs"),
        "{}",
        leaks[1]
    );
}

#[tokio::test]
async fn a_context_that_is_used_before_its_exit_by_a_task() {
    let (recorder, context) = recorded();
    let work = context.open(async {
        assert!(
            http_context::spawn(async { http_session().is_ok() })
                .await
                .unwrap()
        );
        Ok::<_, OpenError>(())
    });
    clean(work.with_report().await.1);
    assert!(recorder.leaks().is_empty());
}

/// Waits in a context until it is reported as overdue.
async fn reported_as_overdue(recorder: &Recorder) -> Result<(), OpenError> {
    let id = current().unwrap().id();
    let is_it = |fact: &Fact| matches!(fact, Fact::Leak(leak) if leak.context == id);
    recorder.wait_for(is_it).await;
    Ok(())
}

/// An upload over HTTP/1.1 that is given up while nobody reads it: what is in the buffers goes before
/// the end of the stream, so that its socket stays open until the server closes it, or it is cut off.
async fn upload_that_nobody_reads(server: &Server) -> Result<(), BoxError> {
    let upload = http_session()?.post(server.url("/never"));
    let mut upload = Box::pin(upload.body(vec![0; 32 << 20]).send());
    tokio::select! {
        _ = server.wait_until(|counts| counts.held == 1) => Ok(()),
        _ = &mut upload => panic!("nobody answers"),
    }
}

#[tokio::test]
#[cfg_attr(
    http_context_no_kernel,
    ignore = "nobody but the kernel shows a socket that is kept"
)]
async fn a_socket_that_is_open_after_the_close() {
    let (server, (recorder, context)) = (Server::start(), recorded());
    let context = context.cut_held_sockets(false);
    let work = context.clone().open(upload_that_nobody_reads(&server));
    let report = work.with_report().await.1;
    let leak = only_leak(&report.unwrap(), LeakKind::Connection, 0);
    assert!(
        leak.detail
            .as_ref()
            .unwrap()
            .contains(&server.addr().to_string()),
        "{leak}"
    );
    // Who looks after it looks after contexts too, and has looked at it by the second of those.
    for _ in 0..2 {
        let overdue = context.clone().overdue_after(Duration::from_millis(1));
        overdue.open(reported_as_overdue(&recorder)).await.unwrap();
    }
    let is_late = |leak: &Leak| leak.kind == LeakKind::Connection;
    assert!(!recorder.resolved().iter().any(is_late), "it is still open");
    // Released later, it is reported as late.
    server.abort_connections();
    recorder
        .wait_for(|fact| matches!(fact, Fact::LeakResolved(leak) if is_late(leak)))
        .await;
    server.wait_until(|counts| counts.open() == 0).await;
}

#[tokio::test]
#[cfg_attr(
    http_context_no_kernel,
    ignore = "nobody but the kernel shows a socket that is kept"
)]
async fn a_socket_that_is_cut_off_at_the_close() {
    let (server, (recorder, context)) = (Server::start(), recorded());
    let work = context.open(upload_that_nobody_reads(&server));
    let report = work.with_report().await.1;
    let leak = only_leak(&report.unwrap(), LeakKind::Connection, 0);
    assert_eq!(leak.socket, Some(HeldSocket::Cut));
    assert_eq!(sockets::to(server.addr()), []);
    assert_eq!((recorder.leaks().len(), recorder.resolved().len()), (1, 1));
}

#[tokio::test]
async fn a_socket_that_is_open_after_the_close_when_nobody_is_asked() {
    let not_verified = |context: ContextBuilder| context.verify_sockets(false);
    let off = |context: ContextBuilder| context.leaks(LeakPolicy::Off);
    for unasked in [not_verified, off] {
        let (server, (recorder, context)) = (Server::start(), recorded());
        let work = unasked(context).open(upload_that_nobody_reads(&server));
        clean(work.with_report().await.1);
        assert_eq!(recorder.reports().len(), 1);
        server.abort_connections();
        server.wait_until(|counts| counts.open() == 0).await;
    }
}

async fn upgraded(server: &UpgradeServer, line: &mut u32) -> Result<reqwest::Upgraded, BoxError> {
    *line = line!() + 1;
    let request = http_session()?.get(server.url("/"));
    let response = request
        .header("connection", "upgrade")
        .header("upgrade", "x")
        .send()
        .await?;
    Ok(response.upgrade().await?)
}

#[tokio::test]
async fn an_upgraded_connection_that_is_kept() {
    let (server, (recorder, context)) = (UpgradeServer::start(), recorded());
    let mut line = 0;
    let work = context.open(upgraded(&server, &mut line));
    let (socket, report) = work.with_report().await;
    let leak = only_leak(&report.unwrap(), LeakKind::UpgradedConnection, line);
    assert_eq!(leak.count, 1);
    // It is closed all the same.
    server.wait_until(|counts| counts.open == 0).await;
    drop(socket.unwrap());
    assert_eq!(recorder.resolved().len(), 1);
}

#[tokio::test]
async fn an_upgraded_connection_that_is_dropped() {
    let (server, (_, context)) = (UpgradeServer::start(), recorded());
    let work = context.open(async { upgraded(&server, &mut 0).await.map(drop) });
    clean(work.with_report().await.1);
    server.wait_until(|counts| counts.open == 0).await;
}

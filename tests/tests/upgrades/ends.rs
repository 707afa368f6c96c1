//! The exit, a close and a cancelled context end upgraded connections, and say so.

use std::sync::Arc;
use std::time::Duration;

use http_context::testing::{Fact, Recorder};
use http_context::{
    LeakKind, LeakPolicy, OpenError, UpgradeEndReason, builder, closing, http_session, spawn,
};
use http_context_tests::UpgradeServer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{By, assert_closed, echo};
use crate::used::Ends;

#[tokio::test]
async fn one_that_is_kept_is_closed_by_the_exit_and_told_as_leaked() {
    for by in By::ALL {
        let (server, ends) = (UpgradeServer::start(), Arc::new(Ends::default()));
        let recorder = Arc::new(Recorder::new());
        let work = builder()
            .leaks(LeakPolicy::Count)
            .drain_timeout(Duration::from_millis(20))
            .observer(recorder.clone())
            .observer(ends.clone())
            .open(async {
                let mut io = by.upgrade(&server.url("/")).await;
                echo(&mut io, b"hello").await;
                Ok::<_, OpenError>(io)
            });
        let (kept, report) = work.with_report().await;
        let (mut kept, report) = (kept.unwrap(), report.unwrap());
        assert_eq!(report.leaks.len(), 1, "{by:?} {report}");
        let leak = &report.leaks[0];
        assert_eq!(leak.kind, LeakKind::UpgradedConnection);
        assert!(leak.acquired_at.unwrap().file().ends_with("support.rs"));
        assert!(leak.to_string().contains("closing()"), "{leak}");
        assert!(report.exit_duration < Duration::from_secs(1), "{report}");
        server.wait_until(|counts| counts.open == 0).await;
        assert_eq!(ends.reasons(), [UpgradeEndReason::Exit]);
        assert_closed(&kept.read(&mut [0; 8]).await.unwrap_err());
        assert_closed(&kept.write_all(b"more").await.unwrap_err());
        assert_closed(&kept.flush().await.unwrap_err());
        assert!(recorder.resolved().is_empty());
        drop(kept);
        assert_eq!(recorder.resolved().len(), 1);
    }
}

#[tokio::test]
async fn who_waits_for_it_hears_of_its_end() {
    let server = UpgradeServer::start();
    let work = builder()
        .drain_timeout(Duration::from_millis(20))
        .leaks(LeakPolicy::Count)
        .open(async {
            let io = By::Response.upgrade(&server.url("/")).await;
            let (mut reader, mut writer) = tokio::io::split(io);
            let read = tokio::spawn(async move {
                let mut bytes = vec![0; 64 * 1024];
                loop {
                    match reader.read(&mut bytes).await {
                        Ok(length) => assert_ne!(length, 0),
                        Err(error) => return error,
                    }
                }
            });
            let written = tokio::spawn(async move {
                loop {
                    if let Err(error) = writer.write_all(&[0; 16 * 1024]).await {
                        return error;
                    }
                }
            });
            Ok::<_, OpenError>((read, written))
        });
    let (read, written) = work.await.unwrap();
    assert_closed(&written.await.unwrap());
    assert_closed(&read.await.unwrap());
    server.wait_until(|counts| counts.open == 0).await;
}

#[tokio::test]
async fn a_session_that_is_closed_closes_it() {
    for by in By::ALL {
        let (server, ends) = (UpgradeServer::start(), Arc::new(Ends::default()));
        let work = builder().observer(ends.clone()).open(async {
            let mut io = by.upgrade(&server.url("/")).await;
            echo(&mut io, b"hello").await;
            http_session()?.close();
            assert_closed(&io.read(&mut [0; 8]).await.unwrap_err());
            server.wait_until(|counts| counts.open == 0).await;
            // The next session is another one.
            echo(&mut by.upgrade(&server.url("/")).await, b"again").await;
            Ok::<_, OpenError>(())
        });
        let report = work.with_report().await.1.unwrap();
        assert!(report.is_clean(), "{by:?} {report}");
        assert_eq!(
            ends.reasons(),
            [UpgradeEndReason::Exit, UpgradeEndReason::Local]
        );
    }
}

#[tokio::test]
async fn a_context_that_is_cancelled_closes_it() {
    for by in By::ALL {
        let (server, ends) = (UpgradeServer::start(), Arc::new(Ends::default()));
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let url = server.url("/");
        let observed = ends.clone();
        let work = tokio::spawn(builder().observer(observed).open(async move {
            let io = by.upgrade(&url).await;
            let _ = sender.send(io);
            std::future::pending::<Result<(), OpenError>>().await
        }));
        let mut io = receiver.await.unwrap();
        work.abort();
        assert_closed(&io.read(&mut [0; 8]).await.unwrap_err());
        server.wait_until(|counts| counts.open == 0).await;
        assert_eq!(ends.reasons(), [UpgradeEndReason::Exit], "{by:?}");
    }
}

#[tokio::test]
async fn one_that_ends_when_its_context_closes_costs_the_exit_nothing() {
    let server = UpgradeServer::start();
    let long = Duration::from_mins(1);
    let work = builder().drain_timeout(long).open(async {
        let mut io = By::Response.upgrade(&server.url("/")).await;
        let closing = closing();
        spawn(async move {
            closing.await;
            // A farewell still gets out, and its answer in.
            echo(&mut io, b"farewell").await;
            io.shutdown().await.unwrap();
            assert_eq!(io.read(&mut [0; 8]).await.unwrap(), 0);
        });
        Ok::<_, OpenError>(())
    });
    let report = work.with_report().await.1.unwrap();
    assert!(report.is_clean(), "{report}");
    assert!(report.exit_duration < long / 2, "{report}");
    let counts = server.wait_until(|counts| counts.open == 0).await;
    assert_eq!(counts.received, 8);
}

#[tokio::test]
async fn its_facts_come_in_order() {
    let (server, recorder) = (UpgradeServer::start(), Arc::new(Recorder::new()));
    let work = builder().observer(recorder.clone()).open(async {
        drop(By::Response.upgrade(&server.url("/")).await);
        Ok::<_, OpenError>(())
    });
    work.await.unwrap();
    let names = recorder.all(|fact| {
        let is_of_it = matches!(
            fact,
            Fact::RequestAnswered { .. }
                | Fact::ConnectionUpgraded { .. }
                | Fact::UpgradeEnded { .. }
                | Fact::ResponseBodyEnded { .. }
        );
        is_of_it.then(|| fact.name())
    });
    let expected = [
        "request_answered",
        "connection_upgraded",
        "upgrade_ended",
        "response_body_ended",
    ];
    assert_eq!(names, expected);
}

#[tokio::test]
async fn a_response_that_is_dropped_without_an_upgrade_closes_its_connection() {
    let (server, ends) = (UpgradeServer::start(), Arc::new(Ends::default()));
    let work = builder().observer(ends.clone()).open(async {
        let request = http_session()?
            .get(server.url("/"))
            .header("upgrade", "other");
        let response = request
            .header("connection", "upgrade")
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 101);
        drop(response);
        assert_eq!(http_context::current().unwrap().requests_in_flight(), 0);
        Ok::<_, OpenError>(())
    });
    let report = work.with_report().await.1.unwrap();
    assert!(report.is_clean(), "{report}");
    server.wait_until(|counts| counts.open == 0).await;
    assert_eq!(ends.reasons(), [UpgradeEndReason::Local]);
}

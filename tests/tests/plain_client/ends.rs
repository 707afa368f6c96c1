//! However a context ends, its plain client ends with it.

use std::sync::Arc;
use std::time::Duration;

use http_context::testing::Fact;
use http_context::{
    ConnectionInfo, ContextInfo, LeakKind, LeakPolicy, NameLookup, Observer, PlainRequest,
    http_session, spawn,
};
use http_context_tests::{Server, UpgradeServer, sockets};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::rig::Wire;
use crate::{
    AT_ONCE, BoxError, checked, context, get, is_session_closed, kinds, recorded, run, server,
};

#[tokio::test]
#[cfg_attr(http_context_no_kernel, ignore = "nobody shows that it is held")]
async fn a_context_that_is_dropped_has_its_client_cut_off_in_the_background() {
    for wire in Wire::ALL {
        let server = server(wire);
        let (recorder, context) = recorded(wire);
        let (sent, mut kept) = tokio::sync::mpsc::unbounded_channel();
        let mut work = Box::pin(context.open(async {
            let client = http_session()?.reqwest_client()?;
            get(&client, server.url("/ok")).await?;
            sent.send(client)?;
            std::future::pending::<()>().await;
            Ok::<_, BoxError>(())
        }));
        let kept = tokio::select! {
            _ = &mut work => unreachable!("it is pending"),
            kept = kept.recv() => kept.unwrap(),
        };
        drop(work);
        let leak = recorder
            .wait_for(|fact| matches!(fact, Fact::Leak(_)))
            .await;
        let Fact::Leak(leak) = leak else {
            unreachable!()
        };
        assert_eq!(leak.kind, LeakKind::Connection, "{leak}");
        sockets::wait_until(server.addr(), 0).await;
        let refused = get(&kept, server.url("/ok")).await.unwrap_err();
        assert!(is_session_closed(&refused), "{refused:?}");
    }
}

#[tokio::test]
async fn a_context_that_is_dropped_with_its_client_leaves_no_socket() {
    let server = Server::start();
    let (invariants, context) = checked(Wire::Http1);
    let mut work = Box::pin(context.open(async {
        let client = http_session()?.reqwest_client()?;
        get(&client, server.url("/ok")).await?;
        client.get(server.url("/never")).send().await?;
        Ok::<_, BoxError>(())
    }));
    tokio::select! {
        _ = &mut work => unreachable!("it is not answered"),
        _ = server.wait_until(|counts| counts.held == 1) => {}
    }
    drop(work);
    server.wait_until(|counts| counts.open() == 0).await;
    assert_eq!(invariants.settled().await.leaks, 0);
}

#[tokio::test]
async fn a_child_may_end_its_request_while_the_exit_waits_and_makes_no_connection_any_more() {
    let (server, other) = (Server::start(), Server::start());
    let (invariants, context) = checked(Wire::Http1);
    let (child, report) = run(&context, async |session| {
        let client = session.reqwest_client()?;
        let slow = client.get(server.url("/slow-head")).send();
        let (gate, elsewhere) = (server.gate(), other.url("/ok"));
        let child = spawn(async move {
            let text = slow.await?.text().await?;
            let refused = get(&client, elsewhere).await.unwrap_err();
            Ok::<_, reqwest::Error>((text, is_session_closed(&refused)))
        });
        server.wait_until(|counts| counts.held == 1).await;
        let closing = http_context::closing();
        tokio::spawn(async move {
            closing.await;
            gate.open();
        });
        Ok(child)
    })
    .await;
    assert!(report.is_clean(), "{report}");
    assert_eq!(child.await.unwrap().unwrap(), ("ok".to_owned(), true));
    assert_eq!((report.plain_requests, server.counts().requests), (2, 1));
    assert_eq!(other.counts().accepted, 0);
    invariants.balanced();
}

#[tokio::test]
async fn where_nobody_looks_for_leaks_the_client_connects_no_more_all_the_same() {
    let (server, other) = (Server::start(), Server::start());
    let context = context(Wire::Http1).leaks(LeakPolicy::Off);
    let (kept, report) = run(&context, async |session| {
        let client = session.reqwest_client()?;
        get(&client, server.url("/ok")).await?;
        Ok(client)
    })
    .await;
    assert!(
        report.is_clean() && report.exit_duration < AT_ONCE,
        "{report:?}"
    );
    let refused = get(&kept, other.url("/ok")).await.unwrap_err();
    assert!(is_session_closed(&refused), "{refused:?}");
    drop(kept);
    server.wait_until(|counts| counts.open() == 0).await;
}

#[tokio::test]
#[cfg_attr(http_context_no_kernel, ignore = "nobody shows that it is held")]
async fn what_a_connection_was_upgraded_to_ends_with_the_context() {
    let server = UpgradeServer::start();
    let (invariants, context) = checked(Wire::Http1);
    let (mut io, report) = run(&context, async |session| {
        let client = session.reqwest_client()?;
        let request = client.get(server.url("/"));
        let request = request
            .header("connection", "upgrade")
            .header("upgrade", "websocket");
        let mut io = request.send().await?.upgrade().await?;
        io.write_all(b"hello").await?;
        io.read_exact(&mut [0; 5]).await?;
        Ok(io)
    })
    .await;
    assert_eq!(kinds(&report), [(LeakKind::Connection, 1)], "{report}");
    assert!(report.exit_duration < Duration::from_secs(1), "{report:?}");
    let read = io.read(&mut [0; 8]).await;
    assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
    server.wait_until(|counts| counts.open == 0).await;
    drop(io);
    invariants.settled().await;
}

#[tokio::test]
async fn work_that_panics_leaves_no_socket() {
    let server = Server::start();
    let (invariants, context) = checked(Wire::Http1);
    let url = server.url("/ok");
    let work = tokio::spawn(async move {
        let work = context.open(async {
            let client = http_session()?.reqwest_client()?;
            get(&client, url).await?;
            let has_failed = client.get("http://h/").build().is_err();
            assert!(has_failed, "on purpose");
            Ok::<_, BoxError>(())
        });
        work.await
    });
    assert!(work.await.unwrap_err().is_panic());
    server.wait_until(|counts| counts.open() == 0).await;
    let totals = invariants.settled().await;
    assert_eq!((totals.panicked, totals.leaks), (1, 0));
}

/// Closes the session of the context at a fact.
struct Closes(&'static str);

impl Closes {
    fn at(&self, fact: &'static str) {
        if fact == self.0 {
            http_session().unwrap().close();
        }
    }
}

impl Observer for Closes {
    fn plain_request_ended(&self, _: &ContextInfo, _: &PlainRequest<'_>) {
        self.at("plain_request_ended");
    }

    fn plain_name_resolved(&self, _: &ContextInfo, _: &NameLookup) {
        self.at("plain_name_resolved");
    }

    fn plain_connection_opened(&self, _: &ContextInfo, _: &Arc<ConnectionInfo>) {
        self.at("plain_connection_opened");
    }
}

#[tokio::test]
async fn an_observer_may_close_the_session_at_any_fact_of_its_client() {
    for (fact, is_sent) in [
        ("plain_request_ended", true),
        ("plain_name_resolved", false),
        ("plain_connection_opened", false),
    ] {
        let server = Server::start();
        let (invariants, context) = checked(Wire::Http1);
        let context = context.observer(Arc::new(Closes(fact)));
        let url = server.url("/ok").replace("127.0.0.1", "localhost");
        let ((), report) = run(&context, async |session| {
            let client = session.reqwest_client()?;
            match client.get(url).send().await {
                Ok(_) => assert!(is_sent, "{fact}"),
                Err(error) => assert!(!is_sent && is_session_closed(&error), "{error:?}"),
            }
            Ok(())
        })
        .await;
        assert!(report.is_clean(), "{fact}: {report}");
        let counts = server.wait_until(|counts| counts.open() == 0).await;
        assert_eq!(counts.requests, u64::from(is_sent), "{fact}");
        invariants.settled().await;
    }
}

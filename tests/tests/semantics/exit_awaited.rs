//! The exit when it is awaited: refuse, drain, abort, close, verify, report.

use std::sync::Arc;
use std::time::Duration;

use http_context::testing::Recorder;
use http_context::{
    ContextBuilder, ExitReport, LeakKind, LeakPolicy, OpenError, SessionClosed, Tls, builder,
    http_session, open,
};
use http_context_tests::{At, FactLines as _, Fault, FaultProxy, Script, Server, sockets, tls};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

#[tokio::test]
async fn requests_in_flight_are_drained() {
    let server = Server::start();
    let url = server.url("/slow-head");
    let (child, report) = open(async {
        let session = http_session()?;
        let child = http_context::spawn(async move {
            session
                .get(url)
                .send()
                .await?
                .text()
                .await
                .map_err(BoxError::from)
        });
        server.wait_until(|counts| counts.held == 1).await;
        // Let go of only once the exit waits: it is the exit that keeps the request alive.
        http_context::spawn({
            let gate = server.gate();
            async move {
                tokio::task::yield_now().await;
                gate.open();
            }
        });
        Ok::<_, BoxError>(child)
    })
    .with_report()
    .await;
    assert_eq!(child.unwrap().await.unwrap().unwrap(), "ok");
    let report = report.unwrap();
    assert!(report.is_clean(), "{report}");
    assert_eq!((report.requests, report.aborted), (1, 0));
}

#[tokio::test]
async fn while_it_drains_new_requests_are_refused() {
    let server = Server::start();
    let (url, ok) = (server.url("/slow-head"), server.url("/ok"));
    let child = open(async {
        let session = http_session()?;
        let gate = server.gate();
        let child = http_context::spawn(async move {
            session.get(url).send().await?;
            let refused = session.get(ok).send().await.unwrap_err();
            let lookup = http_session().unwrap_err();
            Ok::<_, BoxError>((refused, lookup))
        });
        server.wait_until(|counts| counts.held == 1).await;
        http_context::spawn(async move {
            tokio::task::yield_now().await;
            gate.open();
        });
        Ok::<_, BoxError>(child)
    })
    .await
    .unwrap();
    let (refused, lookup) = child.await.unwrap().unwrap();
    assert!(refused.is_session_closed(), "{refused}");
    assert!(
        matches!(lookup, http_context::SessionError::ContextClosed(_)),
        "{lookup}"
    );
    assert_eq!(server.counts().requests, 1);
}

#[tokio::test]
async fn at_the_drain_deadline_futures_and_bodies_end_with_an_error() {
    let (server, recorder) = (Server::start(), Arc::new(Recorder::new()));
    let drains = builder()
        .drain_timeout(Duration::from_millis(20))
        .observer(recorder.clone());
    let (children, report) = drains
        .open(async {
            let session = http_session()?;
            let (never, slow) = (server.url("/never"), server.url("/slow-body"));
            let request = tokio::spawn(session.get(never).send());
            let body = session.get(slow).send().await?;
            let body = tokio::spawn(body.bytes());
            server.wait_until(|counts| counts.held == 2).await;
            drop(session);
            Ok::<_, BoxError>((request, body))
        })
        .with_report()
        .await;
    let (request, body) = children.unwrap();
    let report = report.unwrap();
    assert_eq!(report.aborted, 2);
    let mut kinds: Vec<_> = report.leaks.iter().map(|leak| leak.kind).collect();
    kinds.sort_unstable();
    assert_eq!(
        kinds,
        [LeakKind::RequestInFlight, LeakKind::ResponseBody],
        "{report}"
    );
    assert!(request.await.unwrap().unwrap_err().is_session_closed());
    let error = body.await.unwrap().unwrap_err();
    assert!(SessionClosed::find(&error).is_some(), "{error:?}");
    assert_eq!(sockets::to(server.addr()).len(), 0);
    assert_eq!(recorder.count("request_failed"), 1);
    assert_eq!(recorder.count("response_body_ended Aborted 5"), 1);
}

#[tokio::test]
async fn what_is_held_and_never_polled_again_keeps_no_socket() {
    let server = Server::start();
    let (held, report) = builder()
        .drain_timeout(Duration::ZERO)
        .open(async {
            let session = http_session()?;
            let body = session.get(server.url("/slow-body")).send().await?;
            let mut request = Box::pin(session.get(server.url("/never")).send());
            tokio::select! {
                biased;
                _ = &mut request => unreachable!("the server never answers"),
                _ = server.wait_until(|counts| counts.held == 2) => {}
            }
            Ok::<_, BoxError>((body, request))
        })
        .with_report()
        .await;
    server.wait_until(|counts| counts.open() == 0).await;
    assert_eq!(sockets::to(server.addr()).len(), 0);
    let report = report.unwrap();
    assert!(
        report
            .leaks
            .iter()
            .all(|leak| leak.kind != LeakKind::Connection),
        "{report}"
    );
    drop(held);
}

#[tokio::test]
async fn the_report_has_the_numbers_of_the_server() {
    let server = Server::start();
    let (result, report) = open(async {
        for n in 0..5 {
            let session = http_session()?;
            let echo = session
                .post(server.url("/echo"))
                .body(vec![b'x'; n])
                .send()
                .await?;
            assert_eq!(echo.bytes().await?.len(), n);
        }
        // Both are held until each has its connection: neither can be served by the other's.
        let let_go = async {
            server.wait_until(|counts| counts.held == 2).await;
            server.gate().open();
        };
        let (one, two, ()) = tokio::join!(
            http_session()?.get(server.url("/slow-head")).send(),
            http_session()?.get(server.url("/slow-head")).send(),
            let_go,
        );
        assert_eq!(
            (one?.text().await?, two?.text().await?),
            ("ok".into(), "ok".into())
        );
        Ok::<_, BoxError>(())
    })
    .with_report()
    .await;
    result.unwrap();
    let (report, counts) = (report.unwrap(), server.counts());
    assert_eq!(report.requests, counts.requests);
    assert_eq!(report.connections_opened, counts.accepted);
    assert_eq!(report.connections_reused, counts.requests - counts.accepted);
    assert_eq!((report.bytes_sent, report.bytes_received), (10, 14));
    assert!(report.exit_duration <= report.duration);
    assert!(report.is_clean(), "{report}");
}

#[tokio::test]
async fn once_it_has_exited_no_socket_is_left() {
    let server = Server::start();
    for n in 0..20 {
        let (result, report) = open(async {
            let requests = (0..4).map(|_| async {
                let response = http_session()?.get(server.url("/ok")).send().await?;
                Ok::<_, BoxError>(response.bytes().await?)
            });
            futures_util::future::try_join_all(requests).await
        })
        .with_report()
        .await;
        result.unwrap();
        assert!(report.unwrap().is_clean());
        assert_eq!(sockets::to(server.addr()).len(), 0, "in round {n}");
    }
}

/// A request that finds no connection free makes one, and takes one that comes free meanwhile: then
/// the other goes on being made, in a task of `reqwest`. Closes the session early, or leaves that to
/// the exit, and gives the address that is connected to.
async fn connecting_in_vain(
    context: ContextBuilder,
    closes_early: bool,
) -> (ExitReport, FaultProxy) {
    let server = Server::builder().http1().tls().start();
    let proxy = FaultProxy::start(server.addr());
    proxy.push(Script::new());
    proxy.set_usual(Script::fault(At::Accept, Fault::Stall));
    let url = |path| format!("https://localhost:{}{path}", proxy.addr().port());
    let context = context.tls(Tls::Config(tls::client_config()));
    let work = context.open(async {
        let session = http_session()?;
        let first = async {
            let response = session.get(url("/slow-head")).send().await?;
            Ok::<_, BoxError>(response.bytes().await?)
        };
        let second = async {
            server.wait_until(|counts| counts.held == 1).await;
            let response = session.get(url("/ok")).send().await?;
            Ok(response.bytes().await?)
        };
        let let_go = async {
            proxy.wait_until(|counts| counts.stalled > 0).await;
            server.gate().open();
            Ok(())
        };
        tokio::try_join!(first, second, let_go)?;
        if closes_early {
            session.close();
            sockets::wait_until(proxy.addr(), 0).await;
        }
        Ok::<_, BoxError>(())
    });
    let (result, report) = work.with_report().await;
    result.unwrap();
    (report.unwrap(), proxy)
}

#[tokio::test]
async fn a_connection_that_nobody_waits_for_any_more_is_given_up_with_its_session() {
    for closes_early in [false, true] {
        let (report, proxy) = connecting_in_vain(builder(), closes_early).await;
        assert!(report.is_clean(), "{report}");
        assert_eq!(sockets::to(proxy.addr()), [], "{closes_early}");
    }
}

#[tokio::test]
async fn that_it_is_given_up_is_waited_for_also_where_no_socket_is_asked_for() {
    let recorder = Arc::new(Recorder::new());
    let context = builder().observer(recorder.clone()).verify_sockets(false);
    connecting_in_vain(context, false).await;
    let all = recorder.lines();
    assert_eq!(
        all[all.len() - 2..],
        ["connect_abandoned", "context_closed completed"]
    );
}

#[tokio::test]
async fn the_observer_gets_the_leaks_and_then_the_report_as_its_last_facts() {
    let recorder = Arc::new(Recorder::new());
    let kept = builder()
        .observer(recorder.clone())
        .open(async { Ok::<_, OpenError>(http_session().unwrap()) })
        .await
        .unwrap();
    let all = recorder.lines();
    assert_eq!(
        all[all.len() - 2..],
        ["leak session_handle", "context_closed completed"]
    );
    drop(kept);
}

#[tokio::test]
async fn with_leaks_off_nothing_is_looked_for() {
    let kept = builder().leaks(LeakPolicy::Off);
    let (kept, report) = kept
        .open(async { Ok::<_, OpenError>(http_session().unwrap()) })
        .with_report()
        .await;
    assert!(report.unwrap().is_clean());
    drop(kept);
}

#[tokio::test]
#[should_panic(expected = "session_handle")]
async fn with_leaks_fatal_a_leak_panics_once_the_context_has_closed() {
    let work = async { Ok::<_, OpenError>(http_session().unwrap()) };
    let _ = builder().leaks(LeakPolicy::Panic).open(work).await;
}

#[tokio::test]
async fn an_exit_that_is_dropped_is_completed_at_once() {
    let (server, recorder) = (Server::start(), Arc::new(Recorder::new()));
    let work = builder().observer(recorder.clone()).open(async {
        let session = http_session()?;
        tokio::spawn(session.get(server.url("/never")).send());
        server.wait_until(|counts| counts.held == 1).await;
        Ok::<_, BoxError>(())
    });
    tokio::select! {
        biased;
        _ = work => unreachable!("the exit waits for the request"),
        _ = server.wait_until(|counts| counts.held == 1) => {}
    }
    // Polled once more by `select!` above at the latest, the work has ended.
    assert_eq!(recorder.last_line(), "context_closed cancelled");
    server.wait_until(|counts| counts.open() == 0).await;
}

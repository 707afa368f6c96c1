//! The ledger of connections, with closes that come when the test says so.

use std::fmt;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::Duration;

use http::Extensions;
use http_context::testing::{Fact, Recorder};
use http_context::{
    AddressPair, ConnectionInfo, Observer, OpenError, RequestInfo, builder, http_session,
};
use http_context_middleware::{
    CloseEvent, CloseReason, ConnectionCloses, ConnectionRecord, ConnectionState, NoCloses,
    TellClose,
};
use http_context_tests::Server;

use crate::rig::{Rig, Wire};

/// A source of closes that reports what the test hands to it.
#[derive(Clone, Default)]
struct ScriptedCloses(Arc<OnceLock<TellClose>>);

impl ScriptedCloses {
    fn rig() -> (Rig, Self) {
        let closes = Self::default();
        let source = Arc::new(closes.clone());
        let rig = Rig::with(Wire::Http1, |builder| builder.connection_closes(source));
        (rig, closes)
    }

    fn report(&self, event: CloseEvent) -> ControlFlow<(), bool> {
        self.0.get().unwrap()(event)
    }

    /// The one connection that is open is gone.
    fn close_the_one(&self, rig: &Rig) {
        let open = the_one(rig);
        let addresses = AddressPair {
            local: open.local.unwrap(),
            remote: open.peer.unwrap(),
        };
        assert_eq!(
            self.report(CloseEvent::Closed(addresses)),
            ControlFlow::Continue(false)
        );
    }
}

impl ConnectionCloses for ScriptedCloses {
    fn start(&self, tell: TellClose) -> bool {
        self.0.set(tell).is_ok()
    }
}

impl fmt::Debug for ScriptedCloses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ScriptedCloses")
    }
}

fn the_one(rig: &Rig) -> ConnectionRecord {
    let open = rig.instrumentation.ledger().connections();
    assert_eq!(open.len(), 1, "{open:?}");
    open.into_iter().next().unwrap()
}

async fn read(server: &Server) {
    let session = http_session().unwrap();
    let response = session.get(server.url("/ok")).send().await.unwrap();
    response.bytes().await.unwrap();
}

/// Connections that were made, and are closed by now; with the addresses of the first.
async fn at_one_pair_of_addresses(count: usize) -> Vec<ConnectionInfo> {
    let (server, recorder) = (Server::start(), Arc::new(Recorder::new()));
    for _ in 0..count {
        let context = builder().observer(recorder.clone()).open(async {
            read(&server).await;
            Ok::<_, OpenError>(())
        });
        context.await.unwrap();
    }
    let made = recorder.all(|fact| match fact {
        Fact::ConnectionOpened { connection, .. } => Some(Arc::clone(connection)),
        _ => None,
    });
    drop(recorder);
    let mut made: Vec<_> = made
        .into_iter()
        .map(|info| Arc::into_inner(info).unwrap())
        .collect();
    let addresses = made[0].addresses;
    for info in &mut made {
        info.addresses = addresses;
    }
    made
}

/// Runs `work` with a request that nobody else observes, and passes a panic of it on.
async fn with_request(work: impl FnOnce(&RequestInfo) + Send + 'static) {
    type Work = Box<dyn FnOnce(&RequestInfo) + Send>;
    struct AtItsStart {
        work: Mutex<Option<Work>>,
        ended: Mutex<Option<thread::Result<()>>>,
    }
    impl Observer for AtItsStart {
        fn request_started(&self, request: &RequestInfo, _: &reqwest::Request, _: &Extensions) {
            if let Some(work) = self.work.lock().unwrap().take() {
                let ended = catch_unwind(AssertUnwindSafe(|| work(request)));
                *self.ended.lock().unwrap() = Some(ended);
            }
        }
    }
    let (server, observer) = (
        Server::start(),
        Arc::new(AtItsStart {
            work: Mutex::new(Some(Box::new(work))),
            ended: Mutex::default(),
        }),
    );
    let context = builder().observer(Arc::<AtItsStart>::clone(&observer));
    let open = context.open(async {
        read(&server).await;
        Ok::<_, OpenError>(())
    });
    open.await.unwrap();
    let ended = observer.ended.lock().unwrap().take();
    ended.unwrap().unwrap_or_else(|panic| resume_unwind(panic));
}

#[tokio::test]
async fn a_close_that_comes_late_is_that_of_the_earlier_connection_at_its_addresses() {
    let (rig, closes) = ScriptedCloses::rig();
    let made = at_one_pair_of_addresses(3).await;
    let (addresses, last) = (made[0].addresses.unwrap(), made[2].id);
    with_request(move |request| {
        for connection in made {
            let connection = Arc::new(connection);
            rig.instrumentation.connection_opened(request, &connection);
        }
        assert_eq!(the_one(&rig).id, last);
        // The closes of the first two are still to come.
        for _ in 0..2 {
            let _ = closes.report(CloseEvent::Closed(addresses));
            assert_eq!(the_one(&rig).id, last);
        }
        let _ = closes.report(CloseEvent::Closed(addresses));
        let exported = rig.exported();
        assert_eq!(exported.open_connections(), 0, "{exported}");
        exported.assert_sound();
    })
    .await;
}

#[tokio::test]
async fn what_a_comparison_has_closed_leaves_no_close_to_come() {
    let (rig, closes) = ScriptedCloses::rig();
    let mut made = at_one_pair_of_addresses(2).await;
    with_request(move |request| {
        let mut open = || {
            let connection = Arc::new(made.remove(0));
            rig.instrumentation.connection_opened(request, &connection);
        };
        open();
        let comparison = closes.report(CloseEvent::Compare);
        assert_eq!(comparison, ControlFlow::Continue(false));
        assert_eq!(rig.exported().open_connections(), 0);
        open();
        closes.close_the_one(&rig);
        let exported = rig.exported();
        assert_eq!(exported.open_connections(), 0, "{exported}");
    })
    .await;
}

#[tokio::test]
async fn a_comparison_closes_what_is_gone_and_is_due_again_while_a_closed_session_holds_some() {
    let ((rig, closes), server) = (ScriptedCloses::rig(), Server::start());
    rig.context()
        .open(async {
            read(&server).await;
            let comparison = closes.report(CloseEvent::Compare);
            assert_eq!(comparison, ControlFlow::Continue(false));
            assert_eq!(rig.exported().open_connections(), 1);
            http_session().unwrap().close();
            // The task of its connection has not run since.
            let comparison = closes.report(CloseEvent::Compare);
            assert_eq!(comparison, ControlFlow::Continue(true));
            assert_eq!(rig.exported().open_connections(), 1);
            Ok::<_, OpenError>(())
        })
        .await
        .unwrap();
    let comparison = closes.report(CloseEvent::Compare);
    assert_eq!(comparison, ControlFlow::Continue(false));
    let exported = rig.exported();
    assert_eq!(exported.closed(CloseReason::SessionClosed), 1, "{exported}");
    exported.assert_sound();
    drop(rig);
    assert_eq!(closes.report(CloseEvent::Compare), ControlFlow::Break(()));
}

#[tokio::test]
async fn where_no_closes_are_seen_an_exit_ends_what_was_busy_when_its_session_closed() {
    let server = Server::start();
    let rig = Rig::with(Wire::Http1, |b| b.connection_closes(Arc::new(NoCloses)));
    let kept = rig
        .context()
        .drain_timeout(Duration::ZERO)
        .open(async {
            let session = http_session().unwrap();
            let response = session.get(server.url("/slow-body")).send().await;
            Ok::<_, OpenError>(response.unwrap())
        })
        .await
        .unwrap();
    let exported = rig.exported();
    assert_eq!(exported.closed(CloseReason::Unknown), 1, "{exported}");
    exported.assert_sound();
    drop(kept);
}

#[tokio::test]
async fn the_connections_that_closed_last_are_remembered_and_no_more() {
    let (rig, closes) = ScriptedCloses::rig();
    let mut connection = at_one_pair_of_addresses(1).await.remove(0);
    with_request(move |request| {
        for nth in 1..=1000 {
            connection.create_duration = Duration::from_millis(nth);
            let opened = Arc::new(connection);
            rig.instrumentation.connection_opened(request, &opened);
            closes.close_the_one(&rig);
            connection = Arc::into_inner(opened).unwrap();
        }
        let remembered = rig.instrumentation.ledger().recently_closed();
        let count = remembered.len();
        assert!((100..1000).contains(&count), "{count}");
        let last = (1..=1000).rev().map(Duration::from_millis);
        for (record, create_duration) in remembered.iter().zip(last) {
            assert_eq!(record.create_duration, create_duration);
        }
    })
    .await;
}

#[tokio::test]
async fn a_record_says_whether_a_request_is_on_its_connection() {
    let ((rig, _closes), server) = (ScriptedCloses::rig(), Server::start());
    rig.context()
        .open(async {
            let session = http_session().unwrap();
            let response = session.get(server.url("/slow-body")).send().await;
            let busy = the_one(&rig);
            assert_eq!(busy.state, ConnectionState::Active);
            assert_eq!(busy.idle_for, None);
            server.gate().open();
            response.unwrap().bytes().await.unwrap();
            let idle = the_one(&rig);
            assert_eq!(idle.state, ConnectionState::Idle);
            assert!(idle.idle_for.is_some());
            Ok::<_, OpenError>(())
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn a_connection_that_is_gone_under_a_request_is_active_no_more() {
    let ((rig, closes), server) = (ScriptedCloses::rig(), Server::start());
    rig.context()
        .open(async {
            let session = http_session().unwrap();
            let response = session.get(server.url("/slow-body")).send().await;
            assert_eq!(rig.exported().active_and_idle(), (1, 0));
            closes.close_the_one(&rig);
            assert_eq!(rig.exported().active_and_idle(), (0, 0));
            drop(response);
            Ok::<_, OpenError>(())
        })
        .await
        .unwrap();
    // Another one to the same server.
    rig.context()
        .open(async {
            read(&server).await;
            assert_eq!(rig.exported().active_and_idle(), (0, 1));
            Ok::<_, OpenError>(())
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn a_connection_closes_for_its_idleness_only_when_that_is_about_over() {
    for (idle, reason) in [(500, CloseReason::Remote), (1000, CloseReason::IdleTimeout)] {
        let ((rig, closes), server) = (ScriptedCloses::rig(), Server::start());
        rig.context()
            .keep_alive(Duration::from_secs(1))
            .open(async {
                read(&server).await;
                // While the clock stands, nobody waits for a socket.
                tokio::time::pause();
                tokio::time::advance(Duration::from_millis(idle)).await;
                closes.close_the_one(&rig);
                tokio::time::resume();
                Ok::<_, OpenError>(())
            })
            .await
            .unwrap();
        let exported = rig.exported();
        assert_eq!(exported.closed(reason), 1, "{idle} ms {exported}");
    }
}

#[tokio::test]
async fn a_time_limit_releases_a_connection_and_the_peer_closes_one_that_it_cuts() {
    for (is_ours, reason) in [(true, CloseReason::Unknown), (false, CloseReason::Remote)] {
        let ((rig, closes), server) = (ScriptedCloses::rig(), Server::start());
        rig.context()
            .open(async {
                read(&server).await;
                let session = http_session().unwrap();
                let request = session.get(server.url("/never"));
                if is_ours {
                    let request = request.timeout(Duration::from_millis(10));
                    assert!(request.send().await.unwrap_err().is_timeout());
                } else {
                    let cut = async {
                        server.wait_until(|counts| counts.held == 1).await;
                        server.abort_connections();
                    };
                    let (result, ()) = tokio::join!(request.send(), cut);
                    result.unwrap_err();
                }
                closes.close_the_one(&rig);
                Ok::<_, OpenError>(())
            })
            .await
            .unwrap();
        let exported = rig.exported();
        assert_eq!(exported.closed(reason), 1, "{exported}");
    }
}

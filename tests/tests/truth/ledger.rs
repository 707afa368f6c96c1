//! The ledger of connections, told of closes when the test says so.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use http_context::{
    AddressPair, ConnectionInfo, Observer, OpenError, RequestInfo, builder, http_session,
};
use http_context_middleware::{
    CloseEvent, CloseReason, ConnectionCloses, ConnectionRecord, ConnectionState, NoCloses,
    TellClose,
};
use http_context_tests::Server;

use crate::rig::{Rig, Wire};

/// A source that tells what the test tells it.
#[derive(Clone, Default)]
struct Told(Arc<OnceLock<TellClose>>);

impl Told {
    fn rig() -> (Rig, Self) {
        let told = Self::default();
        let source = Arc::new(told.clone());
        let rig = Rig::with(Wire::Http1, |builder| builder.connection_closes(source));
        (rig, told)
    }

    fn tell(&self, event: CloseEvent) -> ControlFlow<(), bool> {
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
            self.tell(CloseEvent::Closed(addresses)),
            ControlFlow::Continue(false)
        );
    }
}

impl ConnectionCloses for Told {
    fn start(&self, tell: TellClose) -> bool {
        self.0.set(tell).is_ok()
    }
}

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Told")
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
    #[derive(Default)]
    struct Made(Mutex<Vec<Arc<ConnectionInfo>>>);
    impl Observer for Made {
        fn connection_opened(&self, _: &RequestInfo, info: &Arc<ConnectionInfo>) {
            self.0.lock().unwrap().push(Arc::clone(info));
        }
    }
    let (server, made) = (Server::start(), Arc::new(Made::default()));
    for _ in 0..count {
        let context = builder().observer(Arc::<Made>::clone(&made)).open(async {
            read(&server).await;
            Ok::<_, OpenError>(())
        });
        context.await.unwrap();
    }
    let made = std::mem::take(&mut *made.0.lock().unwrap());
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

fn open(rig: &Rig, connection: ConnectionInfo) {
    rig.instrumentation
        .connection_opened(None, &Arc::new(connection));
}

#[tokio::test]
async fn a_close_that_is_told_late_is_that_of_the_earlier_connection_at_its_addresses() {
    let (rig, closes) = Told::rig();
    let made = at_one_pair_of_addresses(3).await;
    let (addresses, last) = (made[0].addresses.unwrap(), made[2].id);
    for connection in made {
        open(&rig, connection);
    }
    assert_eq!(the_one(&rig).id, last);
    // The closes of the first two are still to be told.
    for _ in 0..2 {
        let _ = closes.tell(CloseEvent::Closed(addresses));
        assert_eq!(the_one(&rig).id, last);
    }
    let _ = closes.tell(CloseEvent::Closed(addresses));
    let exported = rig.exported();
    assert_eq!(exported.open_connections(), 0, "{exported}");
    exported.assert_sound();
}

#[tokio::test]
async fn what_a_comparison_has_closed_leaves_no_close_to_be_told() {
    let (rig, closes) = Told::rig();
    let mut made = at_one_pair_of_addresses(2).await;
    open(&rig, made.remove(0));
    let comparison = closes.tell(CloseEvent::Compare);
    assert_eq!(comparison, ControlFlow::Continue(false));
    assert_eq!(rig.exported().open_connections(), 0);
    open(&rig, made.remove(0));
    closes.close_the_one(&rig);
    let exported = rig.exported();
    assert_eq!(exported.open_connections(), 0, "{exported}");
}

#[tokio::test]
async fn a_comparison_closes_what_is_gone_and_is_due_again_while_a_closed_session_holds_some() {
    let ((rig, closes), server) = (Told::rig(), Server::start());
    rig.context()
        .open(async {
            read(&server).await;
            let comparison = closes.tell(CloseEvent::Compare);
            assert_eq!(comparison, ControlFlow::Continue(false));
            assert_eq!(rig.exported().open_connections(), 1);
            http_session().unwrap().close();
            // The task of its connection has not run since.
            let comparison = closes.tell(CloseEvent::Compare);
            assert_eq!(comparison, ControlFlow::Continue(true));
            assert_eq!(rig.exported().open_connections(), 1);
            Ok::<_, OpenError>(())
        })
        .await
        .unwrap();
    let comparison = closes.tell(CloseEvent::Compare);
    assert_eq!(comparison, ControlFlow::Continue(false));
    let exported = rig.exported();
    assert_eq!(exported.closed(CloseReason::SessionClosed), 1, "{exported}");
    exported.assert_sound();
    drop(rig);
    assert_eq!(closes.tell(CloseEvent::Compare), ControlFlow::Break(()));
}

#[tokio::test]
async fn where_nobody_tells_closes_an_exit_ends_what_was_busy_when_its_session_closed() {
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
    let (rig, closes) = Told::rig();
    let mut connection = at_one_pair_of_addresses(1).await.remove(0);
    for nth in 1..=1000 {
        connection.create_duration = Duration::from_millis(nth);
        let opened = Arc::new(connection);
        rig.instrumentation.connection_opened(None, &opened);
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
}

#[tokio::test]
async fn a_record_tells_whether_a_request_is_on_its_connection() {
    let ((rig, _closes), server) = (Told::rig(), Server::start());
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
    let ((rig, closes), server) = (Told::rig(), Server::start());
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
        let ((rig, closes), server) = (Told::rig(), Server::start());
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
async fn a_time_limit_lets_go_of_a_connection_and_the_peer_closes_one_that_it_cuts() {
    for (is_ours, reason) in [(true, CloseReason::Unknown), (false, CloseReason::Remote)] {
        let ((rig, closes), server) = (Told::rig(), Server::start());
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

//! The source of closes of this process.

use std::fmt;
use std::sync::{Arc, OnceLock};

use http_context::{
    AddressPair, CloseEvent, CloseSink, ClosedSocket, ConnectionCloses, SocketEnd,
    set_connection_closes,
};
use http_context_tests::Server;
use tokio::sync::{Mutex, MutexGuard};

use crate::rig::{Rig, Wire};

/// One test after another, since a comparison is of all connections of the process.
static TURN: Mutex<()> = Mutex::const_new(());
static SINK: OnceLock<CloseSink> = OnceLock::new();

/// Sends what a test hands to it, while the test has its turn.
pub(crate) struct Closes {
    _turn: MutexGuard<'static, ()>,
    sink: &'static OnceLock<CloseSink>,
}

impl Closes {
    pub(crate) async fn take_turn() -> Self {
        static INSTALLED: OnceLock<()> = OnceLock::new();
        INSTALLED.get_or_init(|| set_connection_closes(Arc::new(Scripted)).unwrap());
        Self {
            _turn: TURN.lock().await,
            sink: &SINK,
        }
    }

    pub(crate) async fn rig() -> (Rig, Self) {
        let closes = Self::take_turn().await;
        (Rig::new(Wire::Http1), closes)
    }

    pub(crate) fn send(&self, event: CloseEvent) -> bool {
        self.sink.get().unwrap()(event)
    }

    pub(crate) fn compare(&self) -> bool {
        self.send(CloseEvent::Compare)
    }

    pub(crate) fn close(&self, addresses: AddressPair, end: SocketEnd) {
        let socket = ClosedSocket::new(addresses).end(end);
        assert!(!self.send(CloseEvent::Closed(socket)));
    }

    /// The one connection to this server that is open is gone, and nobody knows who closed it.
    pub(crate) fn close_the_one(&self, server: &Server) {
        self.close(the_one(server), SocketEnd::Unknown);
    }
}

/// The addresses of the one connection to this server that is open.
pub(crate) fn the_one(server: &Server) -> AddressPair {
    let open = open_to(server);
    assert_eq!(open.len(), 1, "{open:?}");
    open[0]
}

/// The addresses of the connections to this server that are open.
pub(crate) fn open_to(server: &Server) -> Vec<AddressPair> {
    let open = http_context::open_connections();
    let addresses = open
        .iter()
        .filter_map(|connection| connection.info.addresses);
    addresses
        .filter(|pair| pair.remote == server.addr())
        .collect()
}

struct Scripted;

impl ConnectionCloses for Scripted {
    fn start(&self, sink: CloseSink) -> bool {
        SINK.set(sink).is_ok()
    }
}

impl fmt::Debug for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scripted")
    }
}

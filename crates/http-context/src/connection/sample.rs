//! Connections to test with.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::connection::Connection;
use super::kernel::{self, Sight};
use super::registry::REGISTRY;
use super::traffic::Traffic;
use crate::facts::{AddressPair, ConnectionClosed, ConnectionInfo};
use crate::identity::{Attached, ConnectionId, OriginKey, SessionId};
use crate::observer::{Observer, Observers};

/// The closes that were reported.
#[derive(Default)]
pub(crate) struct Reported(Mutex<Vec<ConnectionClosed>>);

impl Reported {
    pub(super) fn take(&self) -> Vec<ConnectionClosed> {
        std::mem::take(&mut *self.0.lock())
    }
}

impl Observer for Reported {
    fn connection_closed(&self, _: &Arc<ConnectionInfo>, closed: &ConnectionClosed) {
        self.0.lock().push(*closed);
    }
}

/// Those of one session.
pub(crate) struct Sample {
    pub(super) reported: Arc<Reported>,
    pub(super) traffic: Arc<Traffic>,
}

impl Sample {
    pub(crate) fn new() -> Self {
        Self {
            reported: Arc::default(),
            traffic: Arc::new(Traffic::new(Duration::from_secs(2 * 60))),
        }
    }

    /// One that is observed, whose close will be seen.
    pub(crate) fn seen(&self, addresses: AddressPair) -> Arc<Connection> {
        self.connection(addresses, self.observers(), true)
    }

    /// One that is observed, whose close will not be seen.
    pub(crate) fn unseen(&self, addresses: AddressPair) -> Arc<Connection> {
        self.connection(addresses, self.observers(), false)
    }

    pub(crate) fn unobserved(&self, addresses: AddressPair) -> Arc<Connection> {
        self.connection(addresses, Observers::default(), false)
    }

    /// One whose socket cannot be told from those of others.
    #[cfg(all(target_os = "linux", not(http_context_no_kernel)))]
    pub(super) fn untold(&self, addresses: AddressPair) -> Arc<Connection> {
        self.with_sight(addresses, Observers::default(), false, Sight::Unknown)
    }

    /// One of a plain client, that is observed, and whose close will be seen.
    pub(super) fn plain(&self, addresses: AddressPair) -> Arc<Connection> {
        let mut info = info(addresses);
        if let Some(info) = Arc::get_mut(&mut info) {
            info.plain = Some(Location::caller());
        }
        let observers = self.observers();
        let connection = Connection::new(info, observers, &self.traffic, true, Sight::Unknown);
        Arc::new(connection)
    }

    /// Enters one in the registry of the process.
    pub(crate) fn enter(connection: &Arc<Connection>) {
        REGISTRY.insert(connection, false);
    }

    /// Whether the registry of the process has it.
    pub(crate) fn is_entered(connection: &Arc<Connection>) -> bool {
        REGISTRY.has(connection)
    }

    fn observers(&self) -> Observers {
        let reported = Arc::<Reported>::clone(&self.reported);
        Observers::with_default(Some(Arc::new([reported])))
    }

    fn connection(
        &self,
        addresses: AddressPair,
        observers: Observers,
        is_seen: bool,
    ) -> Arc<Connection> {
        self.with_sight(addresses, observers, is_seen, sight(addresses))
    }

    fn with_sight(
        &self,
        addresses: AddressPair,
        observers: Observers,
        is_seen: bool,
        sight: Sight,
    ) -> Arc<Connection> {
        Arc::new(Connection::new(
            info(addresses),
            observers,
            &self.traffic,
            is_seen,
            sight,
        ))
    }
}

/// Of what never had a socket it is right that there is none.
pub(super) fn sight(addresses: AddressPair) -> Sight {
    match kernel::sight(addresses).0 {
        Sight::NotShown => Sight::Unknown,
        other => other,
    }
}

#[allow(clippy::unwrap_used, reason = "a part of tests")]
pub(super) fn info(addresses: AddressPair) -> Arc<ConnectionInfo> {
    let url = reqwest::Url::parse("http://h/").unwrap();
    Arc::new(ConnectionInfo {
        id: ConnectionId::next(),
        session: SessionId::next(),
        origin: Arc::new(OriginKey::of(&url).to_origin()),
        addresses: Some(addresses),
        plain: None,
        is_http2: false,
        create_duration: Duration::ZERO,
        opened: Instant::now(),
        attached: Attached::default(),
    })
}

/// Addresses that no socket has, one pair for each net and port.
pub(crate) fn without_socket(net: u8, port: u16) -> AddressPair {
    let at = |port| SocketAddr::from((Ipv4Addr::new(192, 0, 2, net), port));
    AddressPair {
        local: at(port),
        remote: at(0),
    }
}

/// The two ends of a socket that is open, and the addresses of the first.
#[allow(clippy::unwrap_used, reason = "a part of tests")]
#[cfg_attr(
    any(not(target_os = "linux"), http_context_no_kernel),
    expect(dead_code, reason = "only tests of what the kernel says have it")
)]
pub(crate) fn with_socket() -> (AddressPair, [TcpStream; 2]) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let socket = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let addresses = AddressPair {
        local: socket.local_addr().unwrap(),
        remote: socket.peer_addr().unwrap(),
    };
    let (peer, _) = listener.accept().unwrap();
    (addresses, [socket, peer])
}

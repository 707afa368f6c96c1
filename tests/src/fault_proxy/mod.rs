//! A TCP proxy on loopback that breaks connections as a script says.

mod carry;
mod script;

use std::{
    collections::VecDeque,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{
    net::{TcpListener, TcpSocket},
    sync::{broadcast, watch},
    task::JoinSet,
};

pub use self::script::{At, Fault, Script};
use crate::{gate::Gate, runtime_thread::RuntimeThread, server::DEADLINE};

/// A TCP proxy on loopback that breaks connections as a script says.
///
/// It knows nothing of HTTP or TLS: it counts bytes. Each connection takes the
/// next script that was [pushed](FaultProxy::push), and when there is none, the
/// [usual](FaultProxy::set_usual) one, which passes everything. Like a server,
/// it has a thread of its own, and closes everything when it is dropped.
///
/// # Examples
///
/// ```
/// use http_context_tests::{At, Fault, FaultProxy, Script, Server};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let server = Server::start();
/// let proxy = FaultProxy::start(server.addr());
/// proxy.push(Script::fault(At::RequestBytes(1), Fault::Reset));
///
/// let url = format!("http://{}/ok", proxy.addr());
/// assert!(reqwest::get(&url).await.is_err());
/// assert!(reqwest::get(&url).await.is_ok());
/// assert_eq!(server.counts().requests, 1);
/// # }
/// ```
#[derive(Debug)]
pub struct FaultProxy {
    addr: SocketAddr,
    shared: Arc<Shared>,
    resets: broadcast::Sender<()>,
    _thread: RuntimeThread,
}

/// What a proxy has counted since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProxyCounts {
    /// Connections accepted.
    pub accepted: u64,
    /// Of those, the ones that were connected on to the server.
    pub connected: u64,
    /// Connections that have ended.
    pub closed: u64,
    /// Faults that have struck.
    pub faults: u64,
    /// Directions that stand still at the gate, now.
    pub stalled: u64,
    /// Bytes passed from clients to the server.
    pub request_bytes: u64,
    /// Bytes passed from the server to clients.
    pub response_bytes: u64,
}

/// What every connection needs.
#[derive(Debug)]
struct Shared {
    target: SocketAddr,
    counts: watch::Sender<ProxyCounts>,
    gate: Gate,
    scripts: Mutex<Scripts>,
}

#[derive(Debug, Default)]
struct Scripts {
    next: VecDeque<Script>,
    usual: Script,
}

impl FaultProxy {
    /// A proxy in front of `target`, on a port of its own.
    ///
    /// # Panics
    ///
    /// When no loopback port can be had.
    pub fn start(target: SocketAddr) -> Self {
        let shared = Arc::new(Shared {
            target,
            counts: watch::Sender::default(),
            gate: Gate::new(),
            scripts: Mutex::default(),
        });
        let (resets, _) = broadcast::channel(16);
        let (thread, addr) = RuntimeThread::start("fault-proxy", {
            let (shared, resets) = (Arc::clone(&shared), resets.clone());
            move || {
                let listener = listen();
                let addr = listener.local_addr().expect("a listener has an address");
                (addr, accept(listener, shared, resets))
            }
        });
        Self {
            addr,
            shared,
            resets,
            _thread: thread,
        }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The script for the next connection that has none yet.
    pub fn push(&self, script: Script) {
        self.shared
            .scripts(|scripts| scripts.next.push_back(script));
    }

    /// The script for every connection for which none was pushed.
    pub fn set_usual(&self, script: Script) {
        self.shared.scripts(|scripts| scripts.usual = script);
    }

    /// The gate at which a stalled direction waits.
    pub fn gate(&self) -> Gate {
        self.shared.gate.clone()
    }

    /// Resets every open connection, on both sides.
    ///
    /// Returns at once; the counts show when it is done.
    pub fn reset_connections(&self) {
        // Nobody listens when there is no connection.
        let _ = self.resets.send(());
    }

    /// What it has counted so far.
    pub fn counts(&self) -> ProxyCounts {
        *self.shared.counts.borrow()
    }

    /// Waits until the counts are as asked, and returns them as they were then.
    ///
    /// # Panics
    ///
    /// When that does not happen within twenty seconds. The message has the
    /// counts.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping the future.
    pub async fn wait_until(&self, condition: impl FnMut(&ProxyCounts) -> bool) -> ProxyCounts {
        let mut counts = self.shared.counts.subscribe();
        let waiting = counts.wait_for(condition);
        if let Ok(reached) = tokio::time::timeout(DEADLINE, waiting).await {
            return *reached.expect("the proxy outlives the wait, and its counts with it");
        }
        let counts = *counts.borrow();
        panic!("the proxy did not come to what was waited for: {counts:#?}");
    }
}

impl Shared {
    fn scripts<T>(&self, change: impl FnOnce(&mut Scripts) -> T) -> T {
        change(&mut self.scripts.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The one way to change a count. Every waiter looks again.
    fn record(&self, change: impl FnOnce(&mut ProxyCounts)) {
        self.counts.send_modify(change);
    }
}

fn listen() -> TcpListener {
    let socket = TcpSocket::new_v4().expect("a socket can be made");
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    socket.bind(any).expect("a port of 127.0.0.1 is free");
    socket.listen(4096).expect("a bound socket can listen")
}

/// Accepts until the runtime goes away.
async fn accept(listener: TcpListener, shared: Arc<Shared>, resets: broadcast::Sender<()>) {
    let mut connections = JoinSet::new();
    loop {
        let (client, _) = listener
            .accept()
            .await
            .unwrap_or_else(|error| panic!("the proxy cannot accept: {error}"));
        let script = shared.scripts(|scripts| {
            let next = scripts.next.pop_front();
            next.unwrap_or_else(|| scripts.usual.clone())
        });
        let (shared, resets) = (Arc::clone(&shared), resets.subscribe());
        connections.spawn(carry::connection(client, script, shared, resets));
        while connections.try_join_next().is_some() {}
    }
}

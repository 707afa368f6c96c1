//! A WebSocket server that does what a test tells it to, and knows nothing of any library.

mod counts;
mod frame;
mod peer;
mod serve;
mod steps;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

pub use self::counts::{WebSocketCounts, WebSocketSeen, WireTraffic};
pub use self::frame::{Frame, opcode};
pub use self::peer::{Step, WebSocketPeer};
use crate::gate::Gate;
use crate::runtime_thread::RuntimeThread;
use crate::tls::{self, Leaf};

/// How long [`WebSocketServer::wait_until`] waits.
const DEADLINE: Duration = Duration::from_secs(20);

/// A server on a thread of its own. Each [peer](WebSocketPeer) that it is given has a URL, and each
/// connection to it is treated as that peer says.
///
/// With TLS it offers HTTP/2 as well, as most servers do, and closes a connection that chooses it.
///
/// # Examples
///
/// ```
/// use http_context::{OpenError, http_session, websocket::Message};
/// use http_context_tests::{WebSocketPeer, WebSocketServer};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let server = WebSocketServer::start();
/// let url = server.serve(WebSocketPeer::echoes());
/// let work = http_context::open(async {
///     let mut socket = http_session()?.websocket(&url).connect().await.unwrap();
///     socket.send(Message::text("hello")).await.unwrap();
///     let back = socket.next().await.unwrap().unwrap();
///     assert_eq!(back, Message::text("hello"));
///     Ok::<_, OpenError>(())
/// });
/// work.await.unwrap();
/// let counts = server.wait_until(|counts| counts.open == 0).await;
/// assert_eq!((counts.received.text, counts.sent.text), (1, 1));
/// # }
/// ```
#[derive(Debug)]
pub struct WebSocketServer {
    addr: SocketAddr,
    scheme: &'static str,
    shared: Arc<Shared>,
    _thread: RuntimeThread,
}

#[derive(Debug)]
struct Shared {
    counts: watch::Sender<WebSocketCounts>,
    /// The index of each is its path.
    peers: Mutex<Vec<Arc<WebSocketPeer>>>,
    /// Of each connection that has sent a whole head, its path and what was seen.
    seen: Mutex<Vec<(String, WebSocketSeen)>>,
    gate: Gate,
}

impl WebSocketServer {
    /// One that speaks in the clear.
    pub fn start() -> Self {
        Self::start_with("ws", None)
    }

    /// One with TLS, which offers HTTP/2 and HTTP/1.1.
    pub fn start_tls() -> Self {
        let config = tls::server_config(Leaf::Valid, &[b"h2", b"http/1.1"]);
        Self::start_with("wss", Some(TlsAcceptor::from(config)))
    }

    fn start_with(scheme: &'static str, tls: Option<TlsAcceptor>) -> Self {
        let shared = Arc::new(Shared {
            counts: watch::Sender::default(),
            peers: Mutex::default(),
            seen: Mutex::default(),
            gate: Gate::new(),
        });
        let served = Arc::clone(&shared);
        let (thread, addr) = RuntimeThread::start("websocket-server", move || {
            let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
                .expect("there is a free port");
            listener
                .set_nonblocking(true)
                .expect("a listener can be made non-blocking");
            let addr = listener.local_addr().expect("a listener has an address");
            let listener = TcpListener::from_std(listener).expect("it runs in a runtime");
            (addr, serve::accept(listener, tls, served))
        });
        Self {
            addr,
            scheme,
            shared,
            _thread: thread,
        }
    }

    /// The URL under which it is this peer from now on.
    pub fn serve(&self, peer: WebSocketPeer) -> String {
        let mut peers = lock(&self.shared.peers);
        peers.push(Arc::new(peer));
        format!("{}://{}/{}", self.scheme, self.addr, peers.len() - 1)
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What holds those that wait for it, until it is opened.
    pub fn gate(&self) -> &Gate {
        &self.shared.gate
    }

    /// What it has counted so far.
    pub fn counts(&self) -> WebSocketCounts {
        *self.shared.counts.borrow()
    }

    /// What it has seen of each connection to this URL, in the order of their heads. A query counts
    /// for nothing.
    ///
    /// # Panics
    ///
    /// When it is no URL of this server.
    pub fn seen(&self, url: &str) -> Vec<WebSocketSeen> {
        let (_, path) = url
            .split_once(&self.addr.to_string())
            .expect("it is a URL of this server");
        let path = path.split('?').next().unwrap_or_default();
        let seen = lock(&self.shared.seen);
        let of_path = seen.iter().filter(|(of, _)| of == path);
        of_path.map(|(_, seen)| seen.clone()).collect()
    }

    /// What it has seen of all connections, in the order of their heads.
    pub fn seen_all(&self) -> Vec<WebSocketSeen> {
        let seen = lock(&self.shared.seen);
        seen.iter().map(|(_, seen)| seen.clone()).collect()
    }

    /// Waits until the counts are as asked. What was [seen](Self::seen) is up to date with them.
    ///
    /// # Panics
    ///
    /// When that does not happen within twenty seconds. The message has the counts.
    pub async fn wait_until(
        &self,
        condition: impl FnMut(&WebSocketCounts) -> bool + Send,
    ) -> WebSocketCounts {
        let mut counts = self.shared.counts.subscribe();
        let waiting = counts.wait_for(condition);
        if let Ok(reached) = tokio::time::timeout(DEADLINE, waiting).await {
            return *reached.expect("the server outlives the wait");
        }
        panic!(
            "the server did not come to what was waited for: {:#?}",
            self.counts()
        );
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

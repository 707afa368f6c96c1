//! An HTTP server on loopback that counts what it sees.

mod body;
mod builder;
mod connection;
mod counts;
mod end;
mod exchange;
mod registry;
mod routes;
mod tally;

use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{net::TcpListener, task::JoinSet};
use tokio_rustls::TlsAcceptor;

pub use self::{
    body::{BoxError, ResponseBody, empty_body, full_body},
    builder::ServerBuilder,
    counts::{ClosedBy, Counts, Seen, Served},
    tally::Tally,
};
use self::{
    builder::Protocol,
    counts::Ledger,
    registry::{Command, Registry},
    routes::Handler,
};
use crate::{gate::Gate, runtime_thread::RuntimeThread};

/// After this long, a wait is a hang, and becomes a panic.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// An HTTP server on loopback that counts what it sees.
///
/// It runs on a thread of its own, so it goes on while a test blocks its
/// runtime, pauses its clock or drops it. Dropping the server closes its
/// sockets before the drop returns.
///
/// # Routes
///
/// | path | answer |
/// |---|---|
/// | `/ok` | 200, `ok` |
/// | `/bytes/{n}` | `n` bytes, with their length announced |
/// | `/chunked/{n}/{k}` | `n` chunks of `k` bytes, without |
/// | `/status/{code}` | that status, no body |
/// | `/redirect/{n}` | 302 to `/redirect/{n-1}`; `/redirect/0` is 200, `ok` |
/// | `/slow-head`, `/slow-head/{gate}` | 200, `ok`, once the [gate](Server::gate) lets it pass |
/// | `/slow-body`, `/slow-body/{gate}` | 200 and `first`, then `rest.` once the gate lets it pass |
/// | `/echo` | the request's body as it comes, with its content type and trailers |
/// | `/upload` | the number of bytes of the request's body, once all were read |
/// | `/close` | 200, `ok`, with `Connection: close` (HTTP/1.1 only) |
/// | `/trailers` | 200, `xx`, then the trailer `x-trailer: after` (HTTP/1.1 clients must send `TE: trailers`) |
/// | `/cut/{n}` | `n` bytes of a body that was announced to be longer, and then an abort |
/// | `/cut-chunked/{n}` | the same without a length |
/// | `/reset/{code}`, `/reset/{code}/{times}` | `RST_STREAM` with that HTTP/2 error code instead of a head (HTTP/1.1: the connection is closed); with `times`, only so often, and then 200, `ok` |
/// | `/reset-body/{code}` | a head, `first`, and then the same |
/// | `/never` | nothing, and the request's body is not read |
///
/// Others are 404, or a [handler](ServerBuilder::handler) of the test's own.
///
/// # Examples
///
/// ```
/// use http_context_tests::{Server, tls};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let server = Server::builder().tls().start();
/// let client = tls::trusting(reqwest::Client::builder()).build().unwrap();
/// let response = client.get(server.url("/ok")).send().await.unwrap();
/// assert_eq!(response.version(), reqwest::Version::HTTP_2);
/// # }
/// ```
#[derive(Debug)]
pub struct Server {
    addresses: Vec<SocketAddr>,
    scheme: &'static str,
    shared: Arc<Shared>,
    /// Dropped by [`shutdown`](Server::shutdown).
    thread: Option<RuntimeThread>,
}

/// What every connection needs.
struct Shared {
    ledger: Arc<Ledger>,
    registry: Registry,
    protocol: Protocol,
    tls: Option<TlsAcceptor>,
    max_streams: Option<u32>,
    /// How many requests a connection carries before the server closes it.
    max_requests: Option<u64>,
    tally: Option<Arc<Tally>>,
    handlers: HashMap<String, Handler>,
    gates: Mutex<HashMap<String, Gate>>,
    /// How often each path with a limit of times was asked for.
    asked: Mutex<HashMap<String, u64>>,
}

impl Server {
    /// A server for HTTP/1.1 and HTTP/2 by prior knowledge, without TLS.
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// A server that differs from [`start`](Server::start)'s.
    pub fn builder() -> ServerBuilder {
        ServerBuilder::new()
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addresses[0]
    }

    /// The URL of a path, which starts with a slash, at [`addr`](Server::addr).
    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.addr())
    }

    /// The URL of a path at a host name that the test resolves to this server.
    pub fn url_at(&self, host: &str, path: &str) -> String {
        format!("{}://{host}:{}{path}", self.scheme, self.addr().port())
    }

    /// What it has counted so far.
    pub fn counts(&self) -> Counts {
        self.shared.ledger.counts()
    }

    /// The requests so far, in the order in which their heads arrived; of a
    /// very long run, the last 100,000.
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.ledger.seen()
    }

    /// The connections that have ended, in the order in which they did; of a very long run, the
    /// last 100,000.
    pub fn served(&self) -> Vec<Served> {
        self.shared.ledger.served()
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
    #[track_caller]
    pub fn wait_until(
        &self,
        condition: impl FnMut(&Counts) -> bool + Send,
    ) -> impl Future<Output = Counts> + Send {
        let place = std::panic::Location::caller();
        let mut counts = self.shared.ledger.subscribe();
        async move {
            let waiting = counts.wait_for(condition);
            if let Ok(reached) = tokio::time::timeout(DEADLINE, waiting).await {
                return *reached.expect("the server outlives the wait, and its counts with it");
            }
            let counts = *counts.borrow();
            panic!("at {place}: the server did not come to what was waited for: {counts:#?}");
        }
    }

    /// The gate that holds `/slow-head` and `/slow-body`.
    pub fn gate(&self) -> Gate {
        self.gate_named("")
    }

    /// The gate that holds `/slow-head/{name}` and `/slow-body/{name}`.
    pub fn gate_named(&self, name: &str) -> Gate {
        self.shared.gate(name)
    }

    /// Closes each connection that has no request in flight now: HTTP/1.1 by
    /// closing the socket, HTTP/2 by a GOAWAY and then the same.
    ///
    /// Returns at once; the counts show when it is done.
    pub fn close_idle(&self) {
        self.shared.registry.tell_idle(Command::Drain);
    }

    /// Closes each connection as soon as its requests in flight have ended.
    pub fn drain(&self) {
        self.shared.registry.tell_all(Command::Drain);
    }

    /// Closes each connection at once, in the middle of whatever it does.
    pub fn abort_connections(&self) {
        self.shared.registry.tell_all(Command::Abort);
    }

    /// Stops listening and closes every connection. When it returns, a connect
    /// is refused, and each connection has been counted as closed.
    pub fn shutdown(&mut self) {
        self.thread.take();
    }
}

impl Shared {
    fn gate(&self, name: &str) -> Gate {
        let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        gates.entry(name.to_owned()).or_default().clone()
    }

    /// How often this was called for `path`, this time included.
    fn asked(&self, path: &str) -> u64 {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let times = asked.entry(path.to_owned()).or_default();
        *times += 1;
        *times
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("counts", &self.ledger.counts())
            .field("protocol", &self.protocol)
            .finish_non_exhaustive()
    }
}

/// Accepts until the runtime goes away.
async fn accept(listeners: Vec<TcpListener>, shared: Arc<Shared>) {
    let mut accepting = JoinSet::new();
    for listener in listeners {
        accepting.spawn(accept_from(listener, Arc::clone(&shared)));
    }
    while let Some(ended) = accepting.join_next().await {
        if let Err(error) = ended
            && let Ok(panic) = error.try_into_panic()
        {
            std::panic::resume_unwind(panic);
        }
    }
}

async fn accept_from(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            // The client went away while it waited to be accepted.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
            Err(error) => panic!("the test server cannot accept: {error}"),
        };
        // A small response would otherwise wait for a delayed acknowledgement.
        let _ = stream.set_nodelay(true);
        connections.spawn(connection::serve(stream, peer, Arc::clone(&shared)));
        while connections.try_join_next().is_some() {}
    }
}

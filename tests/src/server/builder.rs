//! How a server is set up before it starts.

use std::{
    collections::{BTreeSet, HashMap},
    future::Future,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};

use http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::{rt::TokioExecutor, server::conn::auto};
use tokio::net::{TcpListener, TcpSocket};
use tokio_rustls::TlsAcceptor;

use super::{
    Server, Shared, accept,
    body::{ResponseBody, empty_body},
    counts::Ledger,
    registry::Registry,
    routes::Handler,
    tally::Tally,
};
use crate::{runtime_thread::RuntimeThread, tls, tls::Leaf};

/// How many connections may wait to be accepted. More than any test opens at
/// once, so that none is lost to a full queue.
const BACKLOG: u32 = 4096;

/// Sets up a [`Server`].
#[derive(Default)]
#[must_use = "a server runs once it is started"]
pub struct ServerBuilder {
    protocol: Protocol,
    tls: Option<Leaf>,
    family: Family,
    max_streams: Option<u32>,
    max_requests: Option<u64>,
    tally: Option<Arc<Tally>>,
    handlers: HashMap<String, Handler>,
}

/// Which versions of HTTP a server speaks.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Protocol {
    #[default]
    Both,
    Http1,
    Http2,
}

/// Which loopback addresses a server listens on.
#[derive(Clone, Copy, Debug, Default)]
enum Family {
    #[default]
    V4,
    V6,
    Both,
}

impl ServerBuilder {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Speaks HTTP/1.1 only.
    pub fn http1(mut self) -> Self {
        self.protocol = Protocol::Http1;
        self
    }

    /// Speaks HTTP/2 only.
    pub fn http2(mut self) -> Self {
        self.protocol = Protocol::Http2;
        self
    }

    /// Speaks TLS, with ALPN, and a certificate that is as it should be.
    pub fn tls(self) -> Self {
        self.tls_with(Leaf::Valid)
    }

    /// Speaks TLS with a certificate of the given sort.
    pub fn tls_with(mut self, leaf: Leaf) -> Self {
        self.tls = Some(leaf);
        self
    }

    /// Listens on `::1` instead of `127.0.0.1`.
    pub fn ipv6(mut self) -> Self {
        self.family = Family::V6;
        self
    }

    /// Listens on `127.0.0.1` and `::1`, on the same port.
    pub fn dual_stack(mut self) -> Self {
        self.family = Family::Both;
        self
    }

    /// Allows that many HTTP/2 streams at once on a connection. 200 otherwise.
    pub fn max_streams(mut self, streams: u32) -> Self {
        self.max_streams = Some(streams);
        self
    }

    /// Closes each connection once it has carried that many requests: HTTP/1.1 with the last
    /// response, HTTP/2 by a GOAWAY.
    pub fn requests_per_connection(mut self, requests: u64) -> Self {
        self.max_requests = Some(requests);
        self
    }

    /// Notes what becomes of each request that has a number.
    pub fn tally(mut self, tally: Arc<Tally>) -> Self {
        self.tally = Some(tally);
        self
    }

    /// Answers a path, exactly as written, with `handler` instead of a route of
    /// the server's own. It is counted like any other.
    pub fn handler<H, F>(mut self, path: impl Into<String>, handler: H) -> Self
    where
        H: Fn(Request<Incoming>) -> F + Send + Sync + 'static,
        F: Future<Output = Response<ResponseBody>> + Send + 'static,
    {
        let handler: Handler = Arc::new(move |request| Box::pin(handler(request)));
        self.handlers.insert(path.into(), handler);
        self
    }

    /// Answers a path, exactly as written, with this status and `Location`, and no body.
    ///
    /// # Panics
    ///
    /// Each request does when the location cannot be in a header.
    pub fn redirect(
        self,
        path: impl Into<String>,
        status: u16,
        location: impl Into<String>,
    ) -> Self {
        let location = location.into();
        self.handler(path, move |_| {
            let response = Response::builder()
                .status(status)
                .header(http::header::LOCATION, &*location)
                .body(empty_body())
                .expect("a test redirects to what can be in a header");
            std::future::ready(response)
        })
    }

    /// Starts it. It listens when this returns.
    ///
    /// # Panics
    ///
    /// When no loopback port can be had.
    pub fn start(self) -> Server {
        let shared = Arc::new(Shared {
            ledger: Arc::new(Ledger::new()),
            registry: Registry::default(),
            protocol: self.protocol,
            tls: self
                .tls
                .map(|leaf| TlsAcceptor::from(tls::server_config(leaf, self.protocol.alpn()))),
            max_streams: Some(self.max_streams.unwrap_or(200)),
            max_requests: self.max_requests,
            tally: self.tally,
            handlers: self.handlers,
            gates: Mutex::default(),
            asked: Mutex::default(),
        });
        let family = self.family;
        let (thread, addresses) = RuntimeThread::start("test-server", {
            let shared = Arc::clone(&shared);
            move || {
                let listeners = family.listen();
                let addresses = listeners
                    .iter()
                    .map(|listener| listener.local_addr().expect("a listener has an address"))
                    .collect();
                (addresses, accept(listeners, shared))
            }
        });
        Server {
            addresses,
            scheme: if self.tls.is_some() { "https" } else { "http" },
            shared,
            thread: Some(thread),
        }
    }
}

impl std::fmt::Debug for ServerBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerBuilder")
            .field("protocol", &self.protocol)
            .field("tls", &self.tls)
            .field("family", &self.family)
            .finish_non_exhaustive()
    }
}

impl Protocol {
    pub(super) fn restrict(
        self,
        builder: auto::Builder<TokioExecutor>,
    ) -> auto::Builder<TokioExecutor> {
        match self {
            Self::Both => builder,
            Self::Http1 => builder.http1_only(),
            Self::Http2 => builder.http2_only(),
        }
    }

    fn alpn(self) -> &'static [&'static [u8]] {
        match self {
            Self::Both => &[b"h2", b"http/1.1"],
            Self::Http1 => &[b"http/1.1"],
            Self::Http2 => &[b"h2"],
        }
    }
}

impl Family {
    fn listen(self) -> Vec<TcpListener> {
        let (v4, v6) = (Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into());
        match self {
            Self::V4 => vec![listen(v4, 0).expect("a port of 127.0.0.1 is free")],
            Self::V6 => vec![listen(v6, 0).expect("a port of ::1 is free")],
            // The port that is free for one family may be taken for the other.
            Self::Both => (0..100)
                .find_map(|_| {
                    let first = listen(v4, 0).ok()?;
                    let port = first.local_addr().ok()?.port();
                    Some(vec![first, listen(v6, port).ok()?])
                })
                .expect("a port is free on 127.0.0.1 and ::1"),
        }
    }
}

fn listen(ip: IpAddr, port: u16) -> io::Result<TcpListener> {
    loop {
        let socket = match ip {
            IpAddr::V4(_) => TcpSocket::new_v4()?,
            IpAddr::V6(_) => TcpSocket::new_v6()?,
        };
        socket.bind(SocketAddr::new(ip, port))?;
        if port != 0 || is_first_with(socket.local_addr()?.port()) {
            return socket.listen(BACKLOG);
        }
    }
}

/// Whether no server of this process had this port before: tests know what was exported of a server by
/// its port, also when the server is gone.
fn is_first_with(port: u16) -> bool {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    given.insert(port)
}

//! What a fault needs: who is connected to, what is asked, when it strikes, and how.

use std::any::Any;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use http_context::{ContextBuilder, ErrorKind, HttpSession, RequestBuilder, RequestError};
use http_context_tests::tls::Leaf;
use http_context_tests::{At, Fault, FaultProxy, Gate, Script, Server, ServerBuilder};

use crate::cue::Cue;
use crate::peer::Peer;
use crate::rig::Wire;

/// Which protocol is spoken: a column of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

impl Protocol {
    pub(crate) const ALL: [Self; 2] = [Self::Http1, Self::Http2];

    /// A server that speaks it over TLS, and nothing else.
    pub(crate) fn tls_server(self, leaf: Leaf) -> Arc<Server> {
        let builder = match self {
            Self::Http1 => Server::builder().http1(),
            Self::Http2 => Server::builder().http2(),
        };
        Arc::new(builder.tls_with(leaf).start())
    }

    /// How the client speaks it.
    pub(crate) fn wire(self, is_tls: bool) -> Wire {
        match (self, is_tls) {
            (Self::Http1, false) => Wire::Http1,
            (Self::Http2, false) => Wire::Http2,
            (Self::Http1, true) => Wire::TlsHttp1,
            (Self::Http2, true) => Wire::TlsHttp2,
        }
    }
}

/// What the caller does: the other column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// It waits for what comes.
    Awaits,
    /// It turns away right before the fault strikes.
    Cancels,
}

/// Where in a row of the table a fault is set up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    pub(crate) protocol: Protocol,
    pub(crate) caller: Caller,
    /// How long a request waits where its fault is that nothing comes.
    pub(crate) limit: Duration,
}

impl Column {
    pub(crate) fn all() -> impl Iterator<Item = Self> + Clone {
        let callers = [Caller::Awaits, Caller::Cancels].into_iter();
        callers.flat_map(|caller| Protocol::ALL.map(|protocol| Self::new(protocol, caller)))
    }

    fn new(protocol: Protocol, caller: Caller) -> Self {
        let limit = match caller {
            // Long enough that a busy machine comes to the middle before.
            Caller::Awaits => Duration::from_secs(1),
            // Whoever turns away must not be overtaken by it.
            Caller::Cancels => Duration::from_mins(1),
        };
        Self {
            protocol,
            caller,
            limit,
        }
    }
}

/// A request that the client makes: it says when it has the head of its response.
pub(crate) type Ask =
    Box<dyn FnOnce(HttpSession, Gate) -> BoxFuture<'static, Result<u16, Failure>>>;

/// How a request, or the body of its response, failed.
#[derive(Debug)]
pub(crate) enum Failure {
    Head(RequestError),
    Body(reqwest::Error),
}

impl Failure {
    pub(crate) fn kind(&self) -> ErrorKind {
        match self {
            Self::Head(error) => error.kind(),
            Self::Body(error) => ErrorKind::of(error),
        }
    }
}

/// Whom the client connects to.
pub(crate) enum Front {
    Server(Arc<Server>),
    Proxy(Arc<FaultProxy>),
    Peer(Arc<Peer>),
    /// An address at which no connection is ever accepted.
    Nobody(SocketAddr),
}

impl Front {
    pub(crate) fn addr(&self) -> SocketAddr {
        match self {
            Self::Server(server) => server.addr(),
            Self::Proxy(proxy) => proxy.addr(),
            Self::Peer(peer) => peer.addr(),
            Self::Nobody(addr) => *addr,
        }
    }

    /// Waits until exactly so many connections were accepted.
    pub(crate) async fn has_accepted(&self, expected: u64) {
        match self {
            Self::Server(server) => {
                server.wait_until(|c| c.accepted >= expected).await;
                assert_eq!(server.counts().accepted, expected);
            }
            Self::Proxy(proxy) => {
                proxy.wait_until(|c| c.accepted >= expected).await;
                assert_eq!(proxy.counts().accepted, expected);
            }
            Self::Peer(peer) => {
                let mut accepted = peer.accepted.clone();
                accepted.wait_for(|count| *count >= expected).await.unwrap();
                assert_eq!(*accepted.borrow(), expected);
            }
            Self::Nobody(_) => assert_eq!(expected, 0),
        }
    }
}

/// A fault, set up: a cell of the table runs it once.
pub(crate) struct Scene {
    pub(crate) front: Front,
    pub(crate) is_tls: bool,
    pub(crate) options: Box<dyn FnOnce(ContextBuilder) -> ContextBuilder>,
    pub(crate) before: Option<Before>,
    pub(crate) ask: Ask,
    pub(crate) middle: BoxFuture<'static, ()>,
    pub(crate) strike: Box<dyn FnOnce(&HttpSession)>,
    /// Requests beside the one that is asked, which are answered.
    pub(crate) others: i64,
    /// Requests beside the one that is asked, which the session's close ends.
    pub(crate) others_closed: i64,
    /// Connections that the client opened.
    pub(crate) opened: u64,
    /// Connections that were accepted and never made, since their handshake failed.
    pub(crate) lost: u64,
    /// What lets go of the one socket that the exit has to find, where the fault is that it cannot
    /// be closed from this side.
    pub(crate) leaves: Option<Box<dyn FnOnce()>>,
    /// What has to outlive the request.
    pub(crate) keeps: Vec<Arc<dyn Any>>,
}

impl Scene {
    /// Asks `front` for `url`, and opens one connection for it; nothing strikes yet.
    pub(crate) fn get(front: Front, url: impl Into<String>) -> Self {
        let url = url.into();
        Self {
            front,
            is_tls: url.starts_with("https"),
            options: Box::new(|builder| builder),
            before: None,
            ask: ask(move |session| session.get(url)),
            middle: Box::pin(async {}),
            strike: Box::new(|_| {}),
            others: 0,
            others_closed: 0,
            opened: 1,
            lost: 0,
            leaves: None,
            keeps: Vec::new(),
        }
    }

    /// A request to a peer, whose script says when the fault may strike.
    pub(crate) fn peer(peer: &Arc<Peer>) -> Self {
        let url = peer.url();
        Self::get(Front::Peer(Arc::clone(peer)), url).cue(&peer.cue)
    }

    /// A request that the server holds, and what then happens.
    pub(crate) fn held(
        server: ServerBuilder,
        path: &str,
        strike: impl FnOnce(&Server, &HttpSession) + 'static,
    ) -> Self {
        let server = Arc::new(server.start());
        let (front, held) = (Front::Server(Arc::clone(&server)), Arc::clone(&server));
        Self::get(front, server.url(path))
            .middle(async move {
                held.wait_until(|counts| counts.held == 1).await;
            })
            .strike(move |session| strike(&server, session))
    }

    /// A request to a server behind a proxy that stalls at a place, until these faults strike;
    /// without any it goes on.
    pub(crate) fn stalled(server: &Arc<Server>, path: &str, at: At, faults: &[Fault]) -> Self {
        let stall = Script::fault(at, Fault::Stall);
        let script = faults.iter().fold(stall, |s, f| s.then(at, f.clone()));
        let proxy = Arc::new(FaultProxy::start(server.addr()));
        proxy.set_usual(script);
        let port = |addr: SocketAddr| format!(":{}", addr.port());
        let direct = server.url(path);
        let url = direct.replace(&port(server.addr()), &port(proxy.addr()));
        let (stalled, gate) = (Arc::clone(&proxy), proxy.gate());
        Self::get(Front::Proxy(proxy), url)
            .keep(Arc::<Server>::clone(server))
            .middle(async move {
                stalled.wait_until(|counts| counts.stalled == 1).await;
            })
            .strike(move |_| gate.open())
    }

    /// A request whose answer waits in a proxy, until it goes on.
    pub(crate) fn answer_stalled(server: &Arc<Server>, path: &str) -> Self {
        let asked = Arc::clone(server);
        // Once the server was asked, the client has its connection.
        Self::stalled(server, path, At::ResponseBytes(0), &[]).middle(async move {
            asked.wait_until(|counts| counts.requests > 0).await;
        })
    }

    /// Strikes at this cue.
    pub(crate) fn cue(self, cue: &Cue) -> Self {
        let (reached, strike) = (cue.clone(), cue.clone());
        self.middle(async move { reached.reached().await })
            .strike(move |_| strike.strike())
    }

    /// What is done before: it returns what is still going on, which ends after the strike.
    pub(crate) fn before(
        mut self,
        others: i64,
        before: impl FnOnce(HttpSession) -> BoxFuture<'static, BoxFuture<'static, ()>> + 'static,
    ) -> Self {
        self.others = others;
        self.before = Some(Box::new(before));
        self
    }

    /// One request to this path beforehand, which is answered and read.
    pub(crate) fn after(
        self,
        url: String,
        then: impl Future<Output = ()> + Send + 'static,
    ) -> Self {
        self.before(1, |session| {
            Box::pin(async move {
                let response = session.get(url).send().await.unwrap();
                response.bytes().await.unwrap();
                then.await;
                nothing()
            })
        })
    }

    /// What is asked, in place of a plain `GET`.
    pub(crate) fn asking(mut self, ask: Ask) -> Self {
        self.ask = ask;
        self
    }

    /// What else is set on the context.
    pub(crate) fn also(
        mut self,
        options: impl FnOnce(ContextBuilder) -> ContextBuilder + 'static,
    ) -> Self {
        let before = self.options;
        self.options = Box::new(|context| options(before(context)));
        self
    }

    /// When the request is in the middle.
    pub(crate) fn middle(mut self, middle: impl Future<Output = ()> + Send + 'static) -> Self {
        self.middle = Box::pin(middle);
        self
    }

    /// What happens then.
    pub(crate) fn strike(mut self, strike: impl FnOnce(&HttpSession) + 'static) -> Self {
        self.strike = Box::new(strike);
        self
    }

    /// How many connections the client opens.
    pub(crate) fn opens(mut self, opened: u64) -> Self {
        self.opened = opened;
        self
    }

    /// The connection is accepted, and its handshake never ends well.
    pub(crate) fn opens_none(mut self) -> Self {
        (self.opened, self.lost) = (0, 1);
        self
    }

    /// The client leaves a socket that it cannot close until this is done.
    pub(crate) fn leaves(mut self, until: impl FnOnce() + 'static) -> Self {
        self.leaves = Some(Box::new(until));
        self
    }

    /// Keeps something alive until the context has exited.
    pub(crate) fn keep(mut self, kept: Arc<dyn Any>) -> Self {
        self.keeps.push(kept);
        self
    }
}

type Before = Box<dyn FnOnce(HttpSession) -> BoxFuture<'static, BoxFuture<'static, ()>>>;

/// Nothing is going on.
pub(crate) fn nothing() -> BoxFuture<'static, ()> {
    Box::pin(async {})
}

/// Sends a request, and reads the response to its end.
pub(crate) fn ask(build: impl FnOnce(&HttpSession) -> RequestBuilder + Send + 'static) -> Ask {
    Box::new(|session, head| {
        Box::pin(async move {
            let request = build(&session);
            drop(session);
            let response = request.send().await.map_err(Failure::Head)?;
            head.open();
            let status = response.status().as_u16();
            response.bytes().await.map_err(Failure::Body)?;
            Ok(status)
        })
    })
}

//! A context with an open session, for models.

use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures_util::future::join3;
use http::Extensions;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use reqwest::{Body, Request, Response};
use reqwest_middleware::{Middleware, Next};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::Instant;

use crate::context::{ContextOptions, HttpContext};
use crate::error::RequestError;
use crate::facts::{BodyEnd, ContextInfo, Leak, RequestInfo, Upgrade, UpgradeEnd};
use crate::identity::SessionId;
use crate::observer::{Observer, Observers};
use crate::session::{HttpSession, Sessions};
use crate::transport::{SessionOptions, Transport};

/// What becomes of its requests, without a network.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer {
    /// They wait.
    Never,
    /// They have a body of one chunk.
    Body,
    /// They upgrade their connection, over which nothing comes.
    Upgrade,
}

#[async_trait::async_trait]
impl Middleware for Answer {
    async fn handle(
        &self,
        _: Request,
        _: &mut Extensions,
        _: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        match self {
            Self::Never => std::future::pending().await,
            Self::Body => Ok(http::Response::new("body").into()),
            Self::Upgrade => Ok(upgrade().await),
        }
    }
}

const HEAD: &[u8] =
    b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: any\r\n\r\n";

/// A response that upgrades a connection in memory, whose peer lives as long as the response does.
async fn upgrade() -> Response {
    let (ours, mut theirs) = tokio::io::duplex(1024);
    let (mut sender, connection) = http1::handshake(TokioIo::new(ours)).await.unwrap();
    let request = http::Request::get("/")
        .header("upgrade", "any")
        .header("connection", "upgrade");
    let sent = sender.send_request(request.body(Body::default()).unwrap());
    let peer = async {
        theirs.read_u8().await.unwrap();
        theirs.write_all(HEAD).await.unwrap();
    };
    let (response, connection, ()) = join3(sent, connection.with_upgrades(), peer).await;
    connection.unwrap();
    let mut response = response.unwrap().map(|_| Body::default());
    response
        .extensions_mut()
        .insert(Arc::new(Mutex::new(theirs)));
    response.into()
}

impl Answer {
    pub(crate) fn transport(self) -> Arc<Transport> {
        let options = SessionOptions {
            middleware: vec![Arc::new(self)],
            ..SessionOptions::default()
        };
        let built = Transport::build(&Arc::new(options), &Observers::default(), false);
        Arc::new(built.unwrap())
    }
}

/// What observers heard.
#[derive(Default)]
pub(crate) struct Facts(Mutex<Counts>);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    started: usize,
    ended: usize,
    upgraded: usize,
    upgrades_ended: usize,
    leaked: usize,
    resolved: usize,
    /// How often more was resolved than had been reported by then.
    early: usize,
}

impl Facts {
    /// Each request that was started has ended once, and each connection that was upgraded; what was leaked is
    /// resolved.
    pub(crate) fn assert_all_over(&self) {
        let counts = *self.0.lock();
        assert_eq!(counts.started, counts.ended, "{counts:?}");
        assert_eq!(counts.upgraded, counts.upgrades_ended, "{counts:?}");
        assert_eq!(
            (counts.leaked, 0),
            (counts.resolved, counts.early),
            "{counts:?}"
        );
    }

    pub(crate) fn started(&self) -> usize {
        self.0.lock().started
    }

    pub(crate) fn leaked(&self) -> usize {
        self.0.lock().leaked
    }

    fn end(&self) {
        self.0.lock().ended += 1;
    }
}

impl Observer for Facts {
    fn request_started(&self, _: &RequestInfo, _: &Request, _: &Extensions) {
        self.0.lock().started += 1;
    }

    fn request_failed(&self, _: &RequestInfo, _: &RequestError) {
        self.end();
    }

    fn request_cancelled(&self, _: &RequestInfo) {
        self.end();
    }

    fn response_body_ended(&self, _: &RequestInfo, _: &BodyEnd) {
        self.end();
    }

    fn connection_upgraded(&self, _: &RequestInfo, _: &Upgrade) {
        self.0.lock().upgraded += 1;
    }

    fn upgrade_ended(&self, _: &RequestInfo, _: &UpgradeEnd) {
        self.0.lock().upgrades_ended += 1;
    }

    fn leak(&self, _: &ContextInfo, leak: &Leak) {
        self.0.lock().leaked += leak.count;
    }

    fn leak_resolved(&self, _: &ContextInfo, leak: &Leak) {
        let mut counts = self.0.lock();
        counts.resolved += leak.count;
        counts.early += usize::from(counts.resolved > counts.leaked);
    }
}

#[derive(Clone)]
pub(crate) struct Sample {
    pub(crate) context: HttpContext,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) facts: Arc<Facts>,
}

impl Sample {
    /// One whose session is open.
    #[track_caller]
    pub(crate) fn new(answer: Answer) -> Self {
        let facts = Arc::default();
        let context = Self::context(&facts);
        let sessions = Arc::clone(context.sessions().unwrap());
        sessions.open(SessionId::next(), answer.transport());
        Self {
            context,
            sessions,
            facts,
        }
    }

    /// A context without a session.
    #[track_caller]
    pub(crate) fn context(facts: &Arc<Facts>) -> HttpContext {
        let observer: Arc<dyn Observer> = Arc::clone(facts) as _;
        let options = ContextOptions {
            observers: Some(Arc::new([observer])),
            ..ContextOptions::default()
        };
        HttpContext::new(Arc::new(options), None, Location::caller())
    }

    #[track_caller]
    pub(crate) fn handle(&self) -> Option<HttpSession> {
        self.sessions.acquire_open(Location::caller())
    }

    /// A request, that is admitted when it is first polled.
    pub(crate) fn send(handle: &HttpSession) -> Sent {
        Box::pin(handle.get("http://h/").send())
    }

    pub(crate) fn poll_once(sent: &mut Sent) -> Option<Result<Response, RequestError>> {
        match sent.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => Some(result),
            Poll::Pending => None,
        }
    }

    pub(crate) fn now(&self) -> Instant {
        self.context.info().opened
    }

    /// The list of what lives outlasts this run.
    pub(crate) fn end(self) {
        self.context.end_exit();
    }
}

/// A request as its caller holds it.
pub(crate) type Sent = Pin<Box<dyn Future<Output = Result<Response, RequestError>> + Send>>;

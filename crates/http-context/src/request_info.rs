//! What is known of a request for as long as it lives.

use std::any::Any;
use std::backtrace::Backtrace;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use reqwest::Method;
use tokio::time::Instant;

use crate::attached::Attached;
use crate::context::HttpContext;
use crate::exchange::CURRENT_REQUEST;
use crate::host_slots::Host;
use crate::id::{RequestId, SessionId};
use crate::place::Place;
use crate::upload::Upload;

/// A request as its caller made it, from its start to the end of its body.
pub struct RequestInfo {
    pub(crate) id: RequestId,
    pub(crate) context: HttpContext,
    pub(crate) session: SessionId,
    pub(crate) method: Method,
    pub(crate) host: Arc<Host>,
    pub(crate) place: Place,
    pub(crate) started: Instant,
    pub(crate) backtrace: Option<Arc<Backtrace>>,
    pub(crate) upload: Upload,
    /// How often it was handed to `reqwest`, as far as a chain of middleware tells.
    pub(crate) attempts: AtomicU32,
    pub(crate) attached: Attached,
}

impl RequestInfo {
    /// Its number in this process.
    pub fn id(&self) -> RequestId {
        self.id
    }

    /// The context that it belongs to.
    pub fn context(&self) -> &HttpContext {
        &self.context
    }

    /// The session that carries it.
    pub fn session(&self) -> SessionId {
        self.session
    }

    /// Its method.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The scheme, host and port of its URL.
    pub fn server(&self) -> &Arc<Host> {
        &self.host
    }

    /// The scheme of its URL.
    pub fn scheme(&self) -> &str {
        self.host.scheme()
    }

    /// The host of its URL, without brackets around an IPv6 address.
    pub fn host(&self) -> &str {
        self.host.name()
    }

    /// The port of its URL, the scheme's default where it names none.
    pub fn port(&self) -> u16 {
        self.host.port()
    }

    /// Where it was made: the call of [`HttpSession::get`](crate::HttpSession::get) and its like,
    /// or of [`HttpSession::client`](crate::HttpSession::client) for a request of that client.
    pub fn place(&self) -> Place {
        self.place
    }

    /// When it was admitted.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// The size in bytes of its body, once all of it was handed on; `None` before, and when it
    /// has no body.
    pub fn body_size(&self) -> Option<u64> {
        self.upload.size()
    }

    /// Whether its body failed while it was read. The error of the request may not tell: over HTTP/2
    /// it is that of a stream which was reset.
    pub fn body_failed(&self) -> bool {
        self.upload.has_failed()
    }

    /// How often it was sent again: what the middleware of the session handed to `reqwest` after
    /// the first time. Redirects do not count.
    pub fn resends(&self) -> u32 {
        self.attempts.load(Ordering::Relaxed).saturating_sub(1)
    }

    /// Keeps an observer's own state with the request, unless there is one of its type; says
    /// whether it was kept.
    pub fn attach<T: Any + Send + Sync>(&self, state: T) -> bool {
        self.attached.attach(state)
    }

    /// The state of this type that was attached.
    pub fn attached<T: Any>(&self) -> Option<&T> {
        self.attached.get()
    }

    /// Calls `f` with the request whose future is being polled by this task: for middlewares,
    /// resolvers and connectors, which are not handed it.
    pub fn with_current<R>(f: impl FnOnce(Option<&Self>) -> R) -> R {
        let current = CURRENT_REQUEST.try_with(Arc::clone).ok();
        f(current.as_deref().map(|exchange| &exchange.info))
    }
}

impl fmt::Debug for RequestInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestInfo")
            .field("id", &self.id)
            .field("context", &self.context.id())
            .field("method", &self.method)
            .field("host", &self.host)
            .field("place", &format_args!("{}", self.place))
            .finish_non_exhaustive()
    }
}

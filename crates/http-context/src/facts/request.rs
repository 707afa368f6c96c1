//! What is known of a request for as long as it lives.

use std::any::Any;
use std::backtrace::Backtrace;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Waker;
use std::time::Duration;

use futures_util::task::AtomicWaker;
use parking_lot::Mutex;
use reqwest::{Method, StatusCode, Url};
use tokio::time::Instant;

use super::context::ContextInfo;
use crate::caller::Caller;
use crate::error::KeptRequest;
use crate::identity::{Attached, CallSite, Origin, RequestId, SessionId};

/// A request as its caller made it, from its start to the end of its body.
pub struct RequestInfo {
    pub(crate) id: RequestId,
    /// Whatever holds the context: it is kept, and shown as nothing but its identity.
    pub(crate) context: Arc<dyn AsRef<ContextInfo> + Send + Sync>,
    pub(crate) session: SessionId,
    pub(crate) method: Method,
    pub(crate) origin: Arc<Origin>,
    /// For what its errors say, and keep to themselves: only where others may write of it, and where
    /// its URL has secrets.
    pub(crate) kept: Option<Box<KeptRequest>>,
    pub(crate) call_site: CallSite,
    pub(crate) caller: Option<Caller>,
    pub(crate) started: Instant,
    pub(crate) backtrace: Option<Arc<Backtrace>>,
    pub(crate) upload: Upload,
    /// How long it waits for the next bytes of its response.
    pub(crate) read_timeout: Option<Duration>,
    /// How long a connection for it may take to be made, where it is not as its session has it.
    pub(crate) connect_timeout: Option<Duration>,
    /// Whether a redirect is a response as any other.
    pub(crate) ignores_redirects: bool,
    /// Where it is on its way to, when that is another origin than the one it was made for. Nothing
    /// of a user runs under it.
    pub(crate) destination: Mutex<Option<Arc<Origin>>>,
    /// How often it was handed to `reqwest`.
    pub(crate) attempts: AtomicU32,
    pub(crate) attached: Attached,
}

impl RequestInfo {
    /// Its number in this process.
    pub fn id(&self) -> RequestId {
        self.id
    }

    /// The context that it belongs to.
    pub fn context(&self) -> &ContextInfo {
        (*self.context).as_ref()
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
    pub fn origin(&self) -> &Arc<Origin> {
        &self.origin
    }

    /// The scheme of its URL.
    pub fn scheme(&self) -> &str {
        self.origin.scheme()
    }

    /// The host of its URL, without brackets around an IPv6 address.
    pub fn host(&self) -> &str {
        self.origin.host()
    }

    /// The port of its URL, the scheme's default where it names none.
    pub fn port(&self) -> u16 {
        self.origin.port()
    }

    /// Where it was made: the call of [`HttpSession::get`](crate::HttpSession::get) and its like,
    /// or of [`HttpSession::client`](crate::HttpSession::client) for a request of that client.
    pub fn call_site(&self) -> CallSite {
        self.call_site
    }

    /// By whom it was made, where that [has a name](crate::caller()).
    pub fn caller(&self) -> Option<Caller> {
        self.caller
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

    /// Whether its body failed while it was read. The error of the request may not say so: over
    /// HTTP/2 it is that of a stream that was reset.
    pub fn body_failed(&self) -> bool {
        self.upload.has_failed()
    }

    /// The scheme, host and port that it is on its way to, or came to last: another than its
    /// [`origin`](Self::origin) once a redirect or a middleware has led it away.
    pub fn destination(&self) -> Arc<Origin> {
        Arc::clone(self.destination.lock().as_ref().unwrap_or(&self.origin))
    }

    /// How often it was sent again, for any reason: as often as a middleware sent it after the first
    /// time, and once for each redirect that was followed. What `reqwest` sends again by itself, since
    /// a server has refused an HTTP/2 stream, is not seen.
    pub fn resends(&self) -> u32 {
        self.attempts.load(Ordering::Relaxed).saturating_sub(1)
    }

    /// Keeps an observer's own state with the request, unless there is one of its type.
    /// Returns whether it was kept.
    pub fn attach<T: Any + Send + Sync>(&self, state: T) -> bool {
        self.attached.attach(state)
    }

    /// The state of this type that was attached.
    pub fn attached<T: Any>(&self) -> Option<&T> {
        self.attached.get()
    }
}

impl fmt::Debug for RequestInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestInfo")
            .field("id", &self.id)
            .field("context", &self.context().id())
            .field("method", &self.method)
            .field("origin", &self.origin)
            .field("call_site", &format_args!("{}", self.call_site))
            .finish_non_exhaustive()
    }
}

/// A request that got its slot after it had waited for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueueWait {
    /// How long it waited.
    pub duration: Duration,
}

/// A redirect that is followed.
#[derive(Debug)]
#[non_exhaustive]
pub struct Redirect<'e> {
    /// The status of the response that redirects.
    pub status: StatusCode,
    /// Where it leads. It may contain secrets.
    pub url: &'e Url,
    /// The origin that it leads to.
    pub origin: &'e Arc<Origin>,
}

/// What is known of the body of a request.
#[derive(Debug, Default)]
pub(crate) struct Upload {
    bytes: AtomicU64,
    /// 0 when there is no body.
    state: AtomicU8,
    /// There is one that goes on its way piece by piece.
    cut: OnceLock<Arc<UploadCut>>,
}

/// Ends a body that is still sent once nobody waits for the response any more. Over HTTP/2 the stream
/// would go on without that: whoever sends it holds it apart from the response.
#[derive(Debug, Default)]
pub(crate) struct UploadCut {
    is_cut: AtomicBool,
    sender: AtomicWaker,
}

impl UploadCut {
    pub(crate) fn is_cut(&self) -> bool {
        self.is_cut.load(Ordering::Acquire)
    }

    /// Wakes this task when it is cut off. It looks again after that, since it may have been meanwhile.
    pub(crate) fn wake(&self, sender: &Waker) {
        self.sender.register(sender);
    }

    fn cut(&self) {
        self.is_cut.store(true, Ordering::Release);
        self.sender.wake();
    }
}

/// Some of it is still to come, or will never.
const PARTIAL: u8 = 1;
/// All of it was handed on.
const WHOLE: u8 = 2;
/// It could not be read to its end.
const FAILED: u8 = 3;

impl Upload {
    /// Bytes handed on so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn size(&self) -> Option<u64> {
        // Acquire: whoever sees the end sees all bytes.
        (self.state.load(Ordering::Acquire) == WHOLE).then(|| self.bytes())
    }

    /// Whether there is one.
    pub(crate) fn is_any(&self) -> bool {
        self.state.load(Ordering::Relaxed) != 0
    }

    /// Whether reading it failed.
    pub(crate) fn has_failed(&self) -> bool {
        self.state.load(Ordering::Acquire) == FAILED
    }

    pub(crate) fn add(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Whether it goes on its way piece by piece, and may do so beyond the response head.
    pub(crate) fn is_streamed(&self) -> bool {
        self.cut.get().is_some()
    }

    /// There is a body, and some of it is still to come. It ends when that says so. A body that is
    /// streamed cannot be sent twice, so that there is one at most.
    pub(crate) fn begin(&self) -> Arc<UploadCut> {
        self.set(PARTIAL);
        Arc::clone(self.cut.get_or_init(Arc::default))
    }

    /// Sends nothing more of it: the request has ended, and not well.
    pub(crate) fn end(&self) {
        if let Some(cut) = self.cut.get() {
            cut.cut();
        }
    }

    /// All of it was handed on.
    pub(crate) fn complete(&self) {
        self.set(WHOLE);
    }

    /// It cannot be read to its end.
    pub(crate) fn fail(&self) {
        self.set(FAILED);
    }

    fn set(&self, state: u8) {
        self.state.store(state, Ordering::Release);
    }
}

//! The handle of a session, which code under a context works with.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use http::Extensions;
use reqwest::{Client, IntoUrl, Method, Request, Response};
use reqwest_middleware::ClientWithMiddleware;

use super::client;
use super::draft::{Draft, not_built};
use super::execute;
use super::hold::{SessionHold, SessionRef};
use super::request::RequestBuilder;
use super::sessions::Sessions;
use super::upgrade::{self, Upgraded};
#[cfg(feature = "cookies")]
use crate::defaults::CookieJar;
use crate::error::{RequestError, SessionError, UpgradeError};
use crate::facts::{ContextInfo, Leak, LeakKind};
use crate::identity::{CallSite, SessionId};
use crate::leak::{CallSiteIndex, Released};

/// A handle of the pooled session of a context, from [`http_session`](crate::http_session).
///
/// Requests are made as with `reqwest`. The handle is revocable: once the session is closed, every
/// request of it fails with [`SessionClosed`](crate::SessionClosed), at once and without touching
/// the network.
///
/// ```
/// # async fn job() -> Result<(), Box<dyn std::error::Error>> {
/// let session = http_context::http_session()?;
/// let response = session.post("http://example.com/items").body("one").send().await?;
/// println!("{}", response.error_for_status()?.text().await?);
/// # Ok(())
/// # }
/// ```
pub struct HttpSession {
    session: SessionRef,
    call_site: CallSiteIndex,
}

macro_rules! method_shorthands {
    ($($(#[$doc:meta])* $name:ident => $method:ident;)*) => {$(
        $(#[$doc])*
        #[track_caller]
        pub fn $name<U: IntoUrl>(&self, url: U) -> RequestBuilder {
            self.request(Method::$method, url)
        }
    )*};
}

impl HttpSession {
    pub(super) fn new(sessions: Arc<Sessions>, id: SessionId, call_site: CallSiteIndex) -> Self {
        Self {
            session: SessionRef { sessions, id },
            call_site,
        }
    }

    /// One more handle of what is held, acquired where that was.
    pub(super) fn acquired_by(hold: &SessionHold) -> Self {
        let SessionRef { sessions, id } = &hold.session;
        let index = sessions.handles.acquire(hold.call_site);
        Self::new(Arc::clone(sessions), *id, index)
    }

    method_shorthands! {
        /// Begins a `GET` request. An invalid URL is reported by `send`.
        get => GET;
        /// Begins a `POST` request. An invalid URL is reported by `send`.
        post => POST;
        /// Begins a `PUT` request. An invalid URL is reported by `send`.
        put => PUT;
        /// Begins a `PATCH` request. An invalid URL is reported by `send`.
        patch => PATCH;
        /// Begins a `DELETE` request. An invalid URL is reported by `send`.
        delete => DELETE;
        /// Begins a `HEAD` request. An invalid URL is reported by `send`.
        head => HEAD;
    }

    /// Begins a request. An invalid URL is reported by `send`.
    #[track_caller]
    pub fn request<U: IntoUrl>(&self, method: Method, url: U) -> RequestBuilder {
        RequestBuilder::new(self.hold(Location::caller()), method, url)
    }

    /// Sends a request that was built elsewhere.
    ///
    /// # Errors
    ///
    /// See [`RequestError`]. Of a response to a URL with secrets see
    /// [`RequestBuilder::send`](crate::RequestBuilder::send).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future cancels the request: a connection that was in use for it is closed
    /// (HTTP/1.1) or its stream reset (HTTP/2). Whether the server acted on it is unknown.
    ///
    /// Over HTTP/2, one that is dropped while it makes the connection fails the requests that wait
    /// for that connection; [`RequestError::is_connect`] says so of them, and none of them was sent.
    #[track_caller]
    pub fn execute(
        &self,
        request: Request,
    ) -> impl Future<Output = Result<Response, RequestError>> + Send + use<> {
        let extensions = Extensions::new().into();
        execute::execute(self.hold(Location::caller()), request, extensions)
    }

    /// As [`execute`](Self::execute), with what is handed to the middleware of the session. What that
    /// puts into the extensions is there afterwards, also when the request fails or is dropped.
    ///
    /// # Errors
    ///
    /// See [`RequestError`].
    ///
    /// # Cancel safety
    ///
    /// As for [`execute`](Self::execute).
    #[track_caller]
    pub fn execute_with_extensions<'e>(
        &self,
        request: Request,
        extensions: &'e mut Extensions,
    ) -> impl Future<Output = Result<Response, RequestError>> + Send + use<'e> {
        execute::execute_lent(self.hold(Location::caller()), request, extensions)
    }

    /// Sends a request that asks for an upgrade, and gives the connection that it becomes: for those
    /// who bring a protocol, such as the `client_async` of tungstenite or the `exec` of Kubernetes.
    ///
    /// The request needs a header `Upgrade`; `Connection` is set where it is not. It goes over
    /// HTTP/1.1, also where the session speaks HTTP/2. Where code of others calls
    /// [`Response::upgrade`], what that gives belongs to the session as well.
    ///
    /// A WebSocket over HTTP/2 (RFC 8441) cannot be had through `reqwest` 0.13.5: of an extended
    /// `CONNECT` made with `hyper::ext::Protocol` it drops the extension, so that a server which offers
    /// them gets a `CONNECT` without `:protocol` and `:path`, where it gets both from `hyper` alone.
    ///
    /// # Errors
    ///
    /// [`UpgradeError::Request`] when there is no response, and [`UpgradeError::Refused`] with the
    /// response when it does not upgrade.
    ///
    /// # Cancel safety
    ///
    /// As for [`execute`](Self::execute).
    ///
    /// ```
    /// # async fn job() -> Result<(), Box<dyn std::error::Error>> {
    /// use http_context::http_session;
    /// use tokio::io::AsyncWriteExt;
    ///
    /// let session = http_session()?;
    /// let request = session.get("http://example.com/attach").header("upgrade", "tcp");
    /// let mut stream = session.upgrade(request.build()?).await?;
    /// stream.write_all(b"hello").await?;
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn upgrade(
        &self,
        request: Request,
    ) -> impl Future<Output = Result<Upgraded, UpgradeError>> + Send + use<> {
        let hold = self.hold(Location::caller());
        upgrade::upgrade(hold, Draft::of(request))
    }

    /// A client of this session for SDKs that want one of `reqwest_middleware`.
    ///
    /// It goes through the session: same pool, same limits, same telemetry. It is revoked with the
    /// session, and counted as a leak when it is kept past the exit. Requests must go through the
    /// [`ClientWithMiddleware`]; the [`reqwest::Client`] that its `AsRef` shows can build requests,
    /// but refuses to connect, at once and with an error that names what to use instead. To `reqwest`
    /// that is a connection that failed, and so it is to whoever retries those: where code sends by
    /// that client, give it [`reqwest_client`](Self::reqwest_client).
    ///
    /// ```
    /// # async fn job() -> Result<(), Box<dyn std::error::Error>> {
    /// let client = http_context::http_session()?.client();
    /// let response = client.get("http://example.com/").send().await?;
    /// # drop(response); Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn client(&self) -> ClientWithMiddleware {
        client::facade(self.hold(Location::caller()))
    }

    /// A plain [`reqwest::Client`] of this session, for SDKs that take no other.
    ///
    /// It has the options of the session: TLS, proxies, resolver, default headers, time limits and all
    /// that `configure` sets. Of what its context gives requests it has the cookies, and neither
    /// [`base_url`](crate::ContextBuilder::base_url) nor [`auth`](crate::ContextBuilder::auth).
    ///
    /// One is built for each session, when it is first asked for; what this returns are clones of it,
    /// with one pool of connections, which is not that of the session. Whatever else takes requests sees
    /// more of them, and is to be preferred: a [`tower::Service`], which the session is itself,
    /// [`client`](Self::client), or an adapter of `http-context-adapters`.
    /// [A table](crate::guide::ambient_or_captured) says what is not seen through a plain client.
    ///
    /// [`tower::Service`]: https://docs.rs/tower-service/0.3/tower_service/trait.Service.html
    ///
    /// It belongs to its session. Once that is closed it makes no connection any more
    /// ([`SessionClosed`](crate::SessionClosed) is among the sources of the error), and the exit closes
    /// those that it has: whoever keeps a clone, or a body that came over it, has a
    /// [`Leak`] of the kind [`ClientClone`](LeakKind::ClientClone), or
    /// [`Connection`](LeakKind::Connection), at the place that asked for the client. All places that
    /// asked for one of the session are named, since they share it.
    ///
    /// Redirects are followed by the session's [policy](crate::RedirectPolicy), but for those with
    /// which `reqwest` would send credentials to a stranger: that is
    /// [`RedirectError::PlainCredentials`](crate::RedirectError::PlainCredentials). No `Referer` is sent.
    ///
    /// ```
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// # struct Sdk; impl Sdk { fn with_client(_: reqwest::Client) -> Self { Sdk } async fn call(&self) {} }
    /// use http_context::http_session;
    ///
    /// let sdk = Sdk::with_client(http_session()?.reqwest_client()?);
    /// sdk.call().await;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`SessionError::SessionClosed`] when the session is closed, and [`SessionError::Build`] when the
    /// client cannot be built.
    #[track_caller]
    pub fn reqwest_client(&self) -> Result<Client, SessionError> {
        self.session.plain_client(Location::caller())
    }

    /// Closes the session now, while its context is open: requests in flight and bodies end with
    /// [`SessionClosed`](crate::SessionClosed), idle connections are closed, and those of its
    /// [plain client](Self::reqwest_client) are cut off, at about a microsecond for each descriptor of the
    /// process. The next
    /// `http_session()` builds a fresh one. Does nothing if it is closed already. Blocks for as long as
    /// another thread is opening or closing a session of the same context.
    pub fn close(&self) {
        self.session.sessions.close(self.session.id);
    }

    /// Whether the session was closed, by [`close`](Self::close) or by the exit of its context.
    pub fn is_closed(&self) -> bool {
        !self.session.is_open()
    }

    /// The cookies of its context, where that has
    /// [`cookie_store`](crate::ContextBuilder::cookie_store), or a [`CookieJar`] as its
    /// [`cookie_provider`](crate::ContextBuilder::cookie_provider).
    ///
    /// They are those of every session of the context, and stay readable past its exit.
    #[cfg(feature = "cookies")]
    pub fn cookies(&self) -> Option<Arc<CookieJar>> {
        let defaults = self.sessions().scope().defaults.as_ref()?;
        defaults.jar().cloned()
    }

    /// Its number in this process.
    pub fn id(&self) -> SessionId {
        self.session.id
    }

    /// The context that it belongs to.
    pub fn context(&self) -> &ContextInfo {
        &self.session.sessions.scope().info
    }

    /// As [`execute`](Self::execute), by a request whose place is this one.
    pub(crate) fn execute_at(
        &self,
        call_site: CallSite,
        request: Request,
        extensions: Extensions,
    ) -> impl Future<Output = Result<Response, RequestError>> + Send + use<> {
        execute::execute(self.hold(call_site), request, extensions.into())
    }

    /// The same, with what its extensions are afterwards.
    pub(crate) fn execute_returning_at(
        &self,
        call_site: CallSite,
        request: Request,
        mut extensions: Extensions,
    ) -> impl Future<Output = Result<(Response, Extensions), RequestError>> + Send + use<> {
        let hold = self.hold(call_site);
        async move {
            let response = execute::execute_lent(hold, request, &mut extensions).await?;
            Ok((response, extensions))
        }
    }

    /// The error of a request that could not be built.
    pub(crate) fn not_built(&self, method: &Method, error: reqwest::Error) -> RequestError {
        not_built(&self.session, method, error)
    }

    /// Where this handle was acquired.
    pub(crate) fn acquired_at(&self) -> CallSite {
        let acquired = self.sessions().handles.call_site(self.call_site);
        acquired.unwrap_or(self.context().opened_at())
    }

    fn sessions(&self) -> &Sessions {
        &self.session.sessions
    }

    pub(super) fn hold(&self, call_site: CallSite) -> SessionHold {
        SessionHold::new(self.session.clone(), call_site)
    }
}

impl Clone for HttpSession {
    fn clone(&self) -> Self {
        let sessions = self.sessions();
        if sessions.handles.acquire_again(self.call_site) {
            let leak = sessions.handle_leak(self.call_site);
            sessions.scope().report_leak(&leak);
        }
        Self {
            session: self.session.clone(),
            call_site: self.call_site,
        }
    }
}

impl Drop for HttpSession {
    fn drop(&mut self) {
        self.sessions().release_handle(self.call_site);
    }
}

impl PartialEq for HttpSession {
    fn eq(&self, other: &Self) -> bool {
        self.id() == other.id()
    }
}

impl Eq for HttpSession {}

impl fmt::Debug for HttpSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpSession")
            .field("id", &self.id())
            .field("context", &self.context().id())
            .field(
                "call_site",
                &self
                    .sessions()
                    .handles
                    .call_site(self.call_site)
                    .map(ToString::to_string),
            )
            .field("is_closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}

impl Sessions {
    /// Takes a handle off the count, and resolves its leak if it was reported.
    #[inline]
    pub(super) fn release_handle(&self, index: CallSiteIndex) {
        if let Some(released) = self.handles.release(index) {
            self.note_handle_released(index, released);
        }
    }

    #[cold]
    #[inline(never)]
    fn note_handle_released(&self, index: CallSiteIndex, released: Released) {
        self.scope().note_idle();
        if released.was_reported {
            self.scope().report_resolved(&self.handle_leak(index));
        }
    }

    /// One handle more, or less, than was reported at the exit.
    fn handle_leak(&self, index: CallSiteIndex) -> Leak {
        self.holder_leak(LeakKind::SessionHandle, self.handles.call_site(index))
    }
}

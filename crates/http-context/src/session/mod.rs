//! A session: the handle that code under a context works with, and the state behind it.

mod hold;
mod state;

pub(crate) use hold::{SessionHold, SessionRef};
pub(crate) use state::SessionState;

use std::fmt;
use std::panic::Location;

use reqwest::{IntoUrl, Method, Request, Response};
use reqwest_middleware::ClientWithMiddleware;

use crate::client;
use crate::context::HttpContext;
use crate::error::RequestError;
use crate::execute;
use crate::id::SessionId;
use crate::place::{Place, PlaceIndex};
use crate::request::RequestBuilder;

/// A handle of the pooled session of a context, from [`http_session`](crate::http_session).
///
/// Requests are made as with `reqwest`. The handle is revocable: once the session is closed, every
/// request of it fails with [`SessionClosed`](crate::SessionClosed), at once and without touching
/// the network.
pub struct HttpSession {
    session: SessionRef,
    place: PlaceIndex,
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
    pub(crate) fn new(context: HttpContext, id: SessionId, place: PlaceIndex) -> Self {
        Self {
            session: SessionRef { context, id },
            place,
        }
    }

    method_shorthands! {
        /// Begins a `GET` request. A URL that cannot be parsed is told by `send`.
        get => GET;
        /// Begins a `POST` request. A URL that cannot be parsed is told by `send`.
        post => POST;
        /// Begins a `PUT` request. A URL that cannot be parsed is told by `send`.
        put => PUT;
        /// Begins a `PATCH` request. A URL that cannot be parsed is told by `send`.
        patch => PATCH;
        /// Begins a `DELETE` request. A URL that cannot be parsed is told by `send`.
        delete => DELETE;
        /// Begins a `HEAD` request. A URL that cannot be parsed is told by `send`.
        head => HEAD;
    }

    /// Begins a request. A URL that cannot be parsed is told by `send`.
    #[track_caller]
    pub fn request<U: IntoUrl>(&self, method: Method, url: U) -> RequestBuilder {
        RequestBuilder::new(self.hold(Location::caller()), method, url)
    }

    /// Sends a request that was built elsewhere.
    ///
    /// # Errors
    ///
    /// See [`RequestError`].
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
        execute::execute(
            self.hold(Location::caller()),
            request,
            http::Extensions::new(),
        )
    }

    /// A client of this session for SDKs that want one of `reqwest_middleware`.
    ///
    /// It goes through the session: same pool, same limits, same telemetry. It is revoked with the
    /// session, and counted as a leak when it is kept past the exit. Requests must go through the
    /// [`ClientWithMiddleware`]; the [`reqwest::Client`] that its `AsRef` shows can build requests,
    /// but refuses to connect.
    #[track_caller]
    pub fn client(&self) -> ClientWithMiddleware {
        client::facade(self.hold(Location::caller()))
    }

    /// Closes the session now, while its context is open: requests in flight and bodies end with
    /// [`SessionClosed`](crate::SessionClosed), idle connections are closed. The next
    /// `http_session()` builds a fresh one. Does nothing if it is closed already. Blocks for as long as
    /// another thread is opening or closing a session of the same context.
    pub fn close(&self) {
        self.session.context.close_session(self.session.id);
    }

    /// Whether the session was closed, by [`close`](Self::close) or by the exit of its context.
    pub fn is_closed(&self) -> bool {
        !self.session.is_open()
    }

    /// Its number in this process.
    pub fn id(&self) -> SessionId {
        self.session.id
    }

    /// The context that it belongs to.
    pub fn context(&self) -> &HttpContext {
        &self.session.context
    }

    fn state(&self) -> &SessionState {
        self.session.state()
    }

    fn hold(&self, place: Place) -> SessionHold {
        SessionHold::new(self.session.clone(), place)
    }
}

impl Clone for HttpSession {
    fn clone(&self) -> Self {
        if self.state().handles.acquire_again(self.place) {
            let context = self.context();
            context.tell_leak(&context.handle_leak(self.place));
        }
        Self {
            session: self.session.clone(),
            place: self.place,
        }
    }
}

impl Drop for HttpSession {
    fn drop(&mut self) {
        if self.state().handles.release(self.place) {
            self.context().tell_handle_released(self.place);
        }
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
                "place",
                &self
                    .state()
                    .handles
                    .place(self.place)
                    .map(ToString::to_string),
            )
            .field("is_closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}

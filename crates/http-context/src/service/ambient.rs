//! The session of whatever context a call is in, as a service.

use std::error::Error as StdError;
use std::panic::Location;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Extensions;
use http_body::Body;
use tower_service::Service;

use super::captured::{ServiceFuture, send};
use crate::caller::Caller;
use crate::context::http_session_at;
use crate::error::SessionError;
use crate::identity::CallSite;
use crate::session::HttpSession;

type BoxError = Box<dyn StdError + Send + Sync>;

/// The session of the context that each call is in: for clients of SDKs that are built once and used
/// under many contexts.
///
/// It holds no session, so that it may live as long as it likes. Which session a request goes by is
/// decided when the service is called, in the task that calls it. An SDK that does so in a task of its
/// own (a buffer, a refresh in the background, a pool of workers) stands under no context there:
/// [`or`](Self::or) has a session for that.
///
/// | | take |
/// |---|---|
/// | a client that one job makes and drops | a handle: [`HttpSession`] is a service itself |
/// | a client that is made once, and called by jobs | `AmbientSession` |
/// | the same, which also works in tasks of its own | `AmbientSession::or` with the session of the service |
///
/// [More of that](crate::guide::ambient_or_captured) is in the guide.
///
/// ```
/// # async fn example() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// use http_context::AmbientSession;
/// use tower::Service;
///
/// let mut client = AmbientSession::new();
/// # let work = async move {
/// let request = http::Request::get("https://example.com/").body(reqwest::Body::default())?;
/// let response = client.call(request).await?;
/// # drop(response); Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
/// # };
/// # drop(work); Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct AmbientSession {
    /// Where it was made, which is the place of its requests.
    at: CallSite,
    otherwise: Option<HttpSession>,
    caller: Option<Caller>,
}

impl AmbientSession {
    /// One that fails with [`NoContext`](crate::NoContext) where it is called under none.
    #[track_caller]
    pub fn new() -> Self {
        Self {
            at: Location::caller(),
            otherwise: None,
            caller: None,
        }
    }

    /// One that uses this session where it is called under no context. It keeps the handle: that of a
    /// context which is open for as long as the client is used.
    #[track_caller]
    pub fn or(session: HttpSession) -> Self {
        Self {
            at: Location::caller(),
            otherwise: Some(session),
            caller: None,
        }
    }

    /// Names the SDK that is handed this service: its requests, in whatever task it makes them, are
    /// those of the [`caller`](crate::caller()).
    #[must_use]
    pub fn with_caller(mut self, caller: Caller) -> Self {
        self.caller = Some(caller);
        self
    }

    /// Sends a request under the name of the caller, if that has one.
    async fn send<T, E: Into<BoxError>>(
        caller: Option<Caller>,
        sent: Result<impl Future<Output = Result<T, E>>, SessionError>,
    ) -> Result<T, BoxError> {
        let sent = sent?;
        match caller {
            Some(caller) => caller.scope(sent).await,
            None => sent.await,
        }
        .map_err(Into::into)
    }

    /// The session that a call here would use.
    ///
    /// # Errors
    ///
    /// As [`http_session`](crate::http_session); without [`NoContext`](crate::NoContext) where there is
    /// another session for that.
    #[track_caller]
    pub fn session(&self) -> Result<HttpSession, SessionError> {
        self.session_at(Location::caller())
    }

    /// As [`session`](Self::session), by a handle whose place is this one.
    fn session_at(&self, at: CallSite) -> Result<HttpSession, SessionError> {
        match (http_session_at(at), &self.otherwise) {
            (Err(SessionError::NoContext(_)), Some(session)) => Ok(session.clone()),
            (found, _) => found,
        }
    }
}

impl Default for AmbientSession {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

impl<B> Service<http::Request<B>> for AmbientSession
where
    B: Body + Send + 'static,
    B::Data: Into<Bytes>,
    B::Error: Into<BoxError>,
{
    type Response = http::Response<reqwest::Body>;
    type Error = BoxError;
    type Future = ServiceFuture<Self::Response, BoxError>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let sent = self
            .session_at(self.at)
            .map(|session| send(&session, self.at, request));
        ServiceFuture::new(Self::send(self.caller, sent))
    }
}

impl Service<reqwest::Request> for AmbientSession {
    type Response = reqwest::Response;
    type Error = BoxError;
    type Future = ServiceFuture<reqwest::Response, BoxError>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: reqwest::Request) -> Self::Future {
        let sent = self.session_at(self.at);
        let sent = sent.map(|session| session.execute_at(self.at, request, Extensions::new()));
        ServiceFuture::new(Self::send(self.caller, sent))
    }
}

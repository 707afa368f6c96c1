//! A session, captured or ambient, behind the traits of SDKs.

use std::error::Error as StdError;

use http_body::Body;
use http_context::{AmbientSession, HttpSession};
use tower_service::Service;

use crate::error::SendError;

type BoxError = Box<dyn StdError + Send + Sync>;

/// A session as the HTTP client of SDKs. Which of them is said by its trait implementations, each of
/// which is a feature of this crate.
///
/// The place of its requests, which is that of their leaks, is where the handle was acquired that it
/// was made of, or where [`ambient`](Self::ambient) was called.
#[derive(Clone, Debug)]
pub struct SessionAdapter(Source);

#[derive(Clone, Debug)]
enum Source {
    Captured(HttpSession),
    Ambient(AmbientSession),
}

impl SessionAdapter {
    /// Sends by this session. The handle is kept for as long as the adapter and its clones are.
    pub fn captured(session: HttpSession) -> Self {
        Self(Source::Captured(session))
    }

    /// Sends by the session of the context that each request is made in.
    #[track_caller]
    pub fn ambient() -> Self {
        Self(Source::Ambient(AmbientSession::new()))
    }

    /// Sends a request, for an SDK that has no adapter here. The body of the response is tracked, and
    /// has the trailers. A body that is a [`reqwest::Body`] in memory can be sent again where a
    /// redirect asks for that.
    ///
    /// Which session it goes by is decided here, and not when the future is polled.
    ///
    /// # Errors
    ///
    /// [`SendError::Session`] and [`SendError::Request`].
    ///
    /// # Cancel safety
    ///
    /// As for [`HttpSession::execute`].
    pub fn send<B>(
        &self,
        request: http::Request<B>,
    ) -> impl Future<Output = Result<http::Response<reqwest::Body>, SendError>> + Send + use<B>
    where
        B: Body + Send + 'static,
        B::Data: Into<http_context::bytes::Bytes>,
        B::Error: Into<BoxError>,
    {
        enum Sent<C, A> {
            Captured(C),
            Ambient(A),
        }
        let sent = match self.0.clone() {
            Source::Captured(mut session) => Sent::Captured(session.call(request)),
            Source::Ambient(mut session) => Sent::Ambient(session.call(request)),
        };
        async {
            match sent {
                Sent::Captured(sent) => Ok(sent.await?),
                Sent::Ambient(sent) => Ok(sent.await.map_err(SendError::of_ambient)?),
            }
        }
    }
}

impl From<HttpSession> for SessionAdapter {
    fn from(session: HttpSession) -> Self {
        Self::captured(session)
    }
}

impl From<AmbientSession> for SessionAdapter {
    fn from(session: AmbientSession) -> Self {
        Self(Source::Ambient(session))
    }
}

//! A session, captured or ambient, behind the traits of SDKs.

use std::error::Error as StdError;

use http::Extensions;
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
pub struct SessionAdapter {
    source: Source,
    /// Added to those of each request.
    extensions: Extensions,
    /// The one that the adapter was made in, for an SDK that sends where none is.
    #[cfg(feature = "opentelemetry-http")]
    pub(crate) runtime: Option<tokio::runtime::Handle>,
}

#[derive(Clone, Debug)]
enum Source {
    Captured(HttpSession),
    Ambient(AmbientSession),
}

impl SessionAdapter {
    /// Sends by this session. The handle is kept for as long as the adapter and its clones are.
    pub fn captured(session: HttpSession) -> Self {
        Self::new(Source::Captured(session))
    }

    /// Sends by the session of the context that each request is made in.
    #[track_caller]
    pub fn ambient() -> Self {
        Self::new(Source::Ambient(AmbientSession::new()))
    }

    /// Adds this to the extensions of each request, for the middleware and the observers of the
    /// session: `Uninstrumented` of `http-context-middleware` keeps the requests of an SDK out of spans
    /// and metrics.
    #[must_use = "the adapter is returned, and not changed"]
    pub fn with_extension<T: Clone + Send + Sync + 'static>(mut self, extension: T) -> Self {
        self.extensions.insert(extension);
        self
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
        mut request: http::Request<B>,
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
        if !self.extensions.is_empty() {
            request.extensions_mut().extend(self.extensions.clone());
        }
        let sent = match self.source.clone() {
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

impl SessionAdapter {
    fn new(source: Source) -> Self {
        Self {
            source,
            extensions: Extensions::new(),
            #[cfg(feature = "opentelemetry-http")]
            runtime: tokio::runtime::Handle::try_current().ok(),
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
        Self::new(Source::Ambient(session))
    }
}

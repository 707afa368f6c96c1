//! A service that answers once, and a response whose body asks for its session.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame};
use http_context::{ContextBody, HttpSession, SessionError, http_session};

/// A service that answers its first call with this future.
pub(crate) struct Once<F>(Option<F>);

impl<F> Once<F> {
    pub(crate) fn new(future: F) -> Self {
        Self(Some(future))
    }
}

impl<T, E, F: Future<Output = Result<T, E>>> tower::Service<()> for Once<F> {
    type Response = T;
    type Error = E;
    type Future = F;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), E>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, (): ()) -> F {
        self.0.take().expect("it is called once")
    }
}

/// What the body of a response is, in its context.
pub(crate) type ServedBody = ContextBody<Answer>;

/// One frame, for which it asks for its session, and the end.
#[derive(Default)]
pub(crate) struct Answer {
    has_asked: bool,
}

/// What the last one that asked was given, on this thread.
pub(crate) type Asked = Option<Result<HttpSession, SessionError>>;

thread_local! {
    /// Filled by the body, and read where the same thread has polled it.
    static ASKED: std::cell::RefCell<Asked> = const { std::cell::RefCell::new(None) };
}

/// What was given to the body that this thread has polled last.
pub(crate) fn take_asked() -> Asked {
    ASKED.take()
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if std::mem::replace(&mut self.has_asked, true) {
            return Poll::Ready(None);
        }
        ASKED.set(Some(http_session()));
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"here")))))
    }
}

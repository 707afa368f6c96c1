//! Requests of `http` as requests of `reqwest`.

use std::error::Error as StdError;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use sync_wrapper::SyncWrapper;

/// The same request, with a body that is streamed.
pub(super) fn to_reqwest<B>(request: http::Request<B>) -> reqwest::Result<reqwest::Request>
where
    B: Body + Send + 'static,
    B::Data: Into<Bytes>,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    let request = request.map(|body| {
        if body.is_end_stream() {
            return reqwest::Body::default();
        }
        let hints = body.size_hint();
        let body = SyncWrapper::new(body);
        reqwest::Body::wrap(SyncBody { body, hints })
    });
    request.try_into()
}

pin_project! {
    /// A body that is `Sync`, as `reqwest` wants it, since nobody can reach what is in it but by a
    /// mutable reference.
    struct SyncBody<B> {
        #[pin]
        body: SyncWrapper<B>,
        hints: SizeHint,
    }
}

impl<B: Body> Body for SyncBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let mut body = this.body.as_mut().get_pin_mut();
        let polled = body.as_mut().poll_frame(cx);
        *this.hints = body.size_hint();
        polled
    }

    fn size_hint(&self) -> SizeHint {
        self.hints
    }
}

//! Requests of `http` as requests of `reqwest`.

use std::any::Any;
use std::error::Error as StdError;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use sync_wrapper::SyncWrapper;

/// The same request. A body of `reqwest` stays what it is, so that one in memory can be sent again;
/// any other is streamed.
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
        let mut body = Some(body);
        let any: &mut dyn Any = &mut body;
        if let Some(of_reqwest) = any.downcast_mut::<Option<reqwest::Body>>() {
            return of_reqwest.take().unwrap_or_default();
        }
        body.map_or_else(reqwest::Body::default, |body| {
            reqwest::Body::wrap(SyncBody {
                hints: body.size_hint(),
                has_ended: false,
                body: SyncWrapper::new(body),
            })
        })
    });
    request.try_into()
}

pin_project! {
    /// A body that is `Sync`, as `reqwest` wants it, since nobody can reach what is in it but by a
    /// mutable reference.
    struct SyncBody<B> {
        #[pin]
        body: SyncWrapper<B>,
        // What it says of itself, as it was after the last poll.
        hints: SizeHint,
        has_ended: bool,
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
        *this.has_ended = body.is_end_stream();
        polled
    }

    /// A transport does not poll for the end of a body whose length it knows.
    fn is_end_stream(&self) -> bool {
        self.has_ended
    }

    fn size_hint(&self) -> SizeHint {
        self.hints
    }
}

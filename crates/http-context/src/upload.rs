//! Counts the bytes of a request body as they go.

use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use reqwest::{Body, Request};

use crate::exchange::Exchange;

/// A body in memory is counted when its request is answered, so that it can still be cloned for a
/// retry; a streamed one is counted frame by frame.
pub(crate) fn track(request: &mut Request, exchange: &Arc<Exchange>) {
    let Some(body) = request.body_mut() else {
        return;
    };
    if let Some(bytes) = body.as_bytes() {
        exchange.note_sent(bytes.len() as u64);
        return;
    }
    let inner = std::mem::take(body);
    *body = Body::wrap(CountedBody {
        inner,
        exchange: Arc::downgrade(exchange),
    });
}

struct CountedBody {
    inner: Body,
    /// Weak: the exchange holds the future that holds this body.
    exchange: Weak<Exchange>,
}

impl http_body::Body for CountedBody {
    type Data = Bytes;
    type Error = reqwest::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, reqwest::Error>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(data) = frame.data_ref()
            && let Some(exchange) = self.exchange.upgrade()
        {
            exchange.note_sent(data.len() as u64);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

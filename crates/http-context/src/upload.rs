//! Counts the bytes of a request body as they go.

use std::pin::Pin;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use reqwest::{Body, Request};

use crate::exchange::Exchange;

/// What is known of the body of a request.
#[derive(Debug, Default)]
pub(crate) struct Upload {
    bytes: AtomicU64,
    /// 0 when there is no body.
    state: AtomicU8,
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
        // Acquire: who sees the end sees all bytes.
        (self.state.load(Ordering::Acquire) == WHOLE).then(|| self.bytes())
    }

    /// Whether reading it failed.
    pub(crate) fn has_failed(&self) -> bool {
        self.state.load(Ordering::Acquire) == FAILED
    }

    fn add(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    fn set(&self, state: u8) {
        self.state.store(state, Ordering::Release);
    }
}

/// A body in memory is counted at once, so that it can still be cloned for a retry; a streamed one
/// is counted frame by frame.
pub(crate) fn track(request: &mut Request, exchange: &Arc<Exchange>) {
    let Some(body) = request.body_mut() else {
        return;
    };
    let upload = &exchange.info.upload;
    if let Some(bytes) = body.as_bytes() {
        upload.add(bytes.len());
        upload.set(WHOLE);
        return;
    }
    upload.set(PARTIAL);
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
        if let Poll::Ready(frame) = &polled
            && let Some(exchange) = self.exchange.upgrade()
        {
            let upload = &exchange.info.upload;
            if let Some(Ok(frame)) = frame {
                upload.add(frame.data_ref().map_or(0, Bytes::len));
            }
            if let Some(Err(_)) = frame {
                upload.set(FAILED);
            }
            // A transport does not poll again once the body says that it has ended.
            if frame.is_none() || (matches!(frame, Some(Ok(_))) && self.inner.is_end_stream()) {
                upload.set(WHOLE);
            }
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

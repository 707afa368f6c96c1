//! Counts the bytes of a request body as they go, and announces one that is empty.

use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use reqwest::header::{self, HeaderValue};
use reqwest::{Body, Method, Request};

use crate::facts::UploadCut;
use crate::scope::RequestScope;

/// A body in memory is counted at once, so that it can still be cloned for a retry; a streamed one
/// is counted frame by frame.
pub(crate) fn track(request: &mut Request, scope: &Arc<RequestScope>) {
    announce_empty(request);
    let Some(body) = request.body_mut() else {
        return;
    };
    let upload = &scope.info.upload;
    if let Some(bytes) = body.as_bytes() {
        upload.add(bytes.len());
        upload.complete();
        return;
    }
    let cut = upload.begin();
    let inner = std::mem::take(body);
    *body = Body::wrap(CountedBody {
        inner,
        cut,
        scope: Arc::downgrade(scope),
    });
}

/// `hyper` sends no length for an empty body, and where the method expects one some servers refuse
/// that with `411 Length Required`. RFC 9110, section 8.6, asks for it.
fn announce_empty(request: &mut Request) {
    let expects_body = matches!(
        *request.method(),
        Method::POST | Method::PUT | Method::PATCH
    );
    let is_empty = || {
        let body = request.body();
        body.is_none_or(|body| body.as_bytes().is_some_and(<[u8]>::is_empty))
    };
    if expects_body && is_empty() && !request.headers().contains_key(header::TRANSFER_ENCODING) {
        let length = request.headers_mut().entry(header::CONTENT_LENGTH);
        length.or_insert(HeaderValue::from_static("0"));
    }
}

/// A body that fails with what resets a stream of HTTP/2 as cancelled. Nobody else sees that: the request
/// has ended.
fn cancelled() -> Body {
    struct Cancelled;

    impl http_body::Body for Cancelled {
        type Data = Bytes;
        type Error = h2::Error;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
            Poll::Ready(Some(Err(h2::Reason::CANCEL.into())))
        }
    }

    Body::wrap(Cancelled)
}

struct CountedBody {
    inner: Body,
    cut: Arc<UploadCut>,
    /// Weak: the exchange of this scope holds the future that holds this body.
    scope: Weak<RequestScope>,
}

impl http_body::Body for CountedBody {
    type Data = Bytes;
    type Error = reqwest::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, reqwest::Error>>> {
        if !self.cut.is_cut() {
            self.cut.wake(cx.waker());
        }
        if self.cut.is_cut() {
            self.inner = cancelled();
            return Pin::new(&mut self.inner).poll_frame(cx);
        }
        let polled = Pin::new(&mut self.inner).poll_frame(cx);
        if let Poll::Ready(frame) = &polled
            && let Some(scope) = self.scope.upgrade()
        {
            let upload = &scope.info.upload;
            if let Some(Ok(frame)) = frame {
                let length = frame.data_ref().map_or(0, Bytes::len);
                upload.add(length);
                scope.count_sent(length as u64);
            }
            if let Some(Err(_)) = frame {
                upload.fail();
            }
            // A transport does not poll again once the body says that it has ended.
            if frame.is_none() || (matches!(frame, Some(Ok(_))) && self.inner.is_end_stream()) {
                upload.complete();
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

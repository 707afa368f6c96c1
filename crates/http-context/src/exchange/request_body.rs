//! Counts the bytes of a request body as they go.

use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use reqwest::{Body, Request};

use crate::scope::RequestScope;

/// A body in memory is counted at once, so that it can still be cloned for a retry; a streamed one
/// is counted frame by frame.
pub(crate) fn track(request: &mut Request, scope: &Arc<RequestScope>) {
    let Some(body) = request.body_mut() else {
        return;
    };
    let upload = &scope.info.upload;
    if let Some(bytes) = body.as_bytes() {
        upload.add(bytes.len());
        upload.complete();
        return;
    }
    upload.begin();
    let inner = std::mem::take(body);
    *body = Body::wrap(CountedBody {
        inner,
        scope: Arc::downgrade(scope),
    });
}

struct CountedBody {
    inner: Body,
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
        let polled = Pin::new(&mut self.inner).poll_frame(cx);
        if let Poll::Ready(frame) = &polled
            && let Some(scope) = self.scope.upgrade()
        {
            let upload = &scope.info.upload;
            if let Some(Ok(frame)) = frame {
                upload.add(frame.data_ref().map_or(0, Bytes::len));
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

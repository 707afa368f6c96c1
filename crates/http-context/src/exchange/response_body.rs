//! The body of a response, pointing to its exchange.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use reqwest::{Body, Response};

use super::body_limit;
use super::final_url;
use super::state::Exchange;

/// Takes the body out of a response, and puts one in that points to the exchange.
///
/// Version, headers, extensions, length and trailers stay as they are, and so does the URL but for
/// its secrets.
pub(super) fn track(response: Response, exchange: Arc<Exchange>) -> (Response, Body) {
    let (parts, body) = final_url::parts_without_secrets(response, &exchange);
    let body = match exchange.driver.requests.options.max_response_body {
        None => body,
        Some(limit) => body_limit::limit(body, limit),
    };
    let tracked = http::Response::from_parts(parts, Body::wrap(TrackedBody(exchange)));
    (tracked.into(), body)
}

struct TrackedBody(Arc<Exchange>);

impl http_body::Body for TrackedBody {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0.poll_body(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.0.body_is_end()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.body_size_hint()
    }
}

impl Drop for TrackedBody {
    fn drop(&mut self) {
        self.0.drop_body();
    }
}

//! The body of a response, pointing to its exchange.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use reqwest::{Body, Response, ResponseBuilderExt};

use super::body_limit;
use super::state::Exchange;

/// Takes the body out of a response, and puts one in that points to the exchange.
///
/// URL, version, headers, extensions, length and trailers stay as they are.
pub(super) fn track(response: Response, exchange: Arc<Exchange>) -> (Response, Body) {
    let url = response.url().clone();
    let (mut parts, body) = http::Response::<Body>::from(response).into_parts();
    // `reqwest` keeps the URL in an extension that only its own builder can make. The builder takes
    // over the extensions that are there, so that no second map is made for one entry.
    let mut builder = http::Response::builder();
    if let Some(extensions) = builder.extensions_mut() {
        *extensions = std::mem::take(&mut parts.extensions);
    }
    let with_url = builder
        .url(url)
        .body(())
        .expect("nothing in it can be refused");
    parts.extensions = with_url.into_parts().0.extensions;
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

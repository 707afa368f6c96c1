//! The body of a response inside of a chain: what becomes of it there becomes of its connection.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use hyper::upgrade::OnUpgrade;
use reqwest::{Body, Method, Response};

use super::replace_body::replace_body;
use crate::connection::{Connection, ResponseConnection};
use crate::error::ErrorKind;
use crate::facts::AttemptAnswered;
use crate::scope::{RequestScope, Scope};

/// Tells the connection how the response on it ends, wherever that is: a middleware may read it, drop
/// it, or hand it on.
pub(super) fn track(
    response: Response,
    method: &Method,
    connection: &mut ResponseConnection,
    scope: Option<&RequestScope>,
) -> Response {
    // The exchange says how that ends, since it is what has it then.
    let is_upgrade = response.extensions().get::<OnUpgrade>().is_some();
    if is_upgrade {
        return response;
    }
    let Some(carried) = connection.take_observed() else {
        return response;
    };
    if let Some(scope) = scope {
        let attempt = AttemptAnswered {
            connection: Arc::clone(&carried.info),
            connection_use: connection.connection_use,
            idle: connection.idle,
        };
        scope.notify(|observer, request| observer.attempt_answered(request, &attempt));
    }
    let mut carried = Carried {
        connection: Some(carried),
        closes: connection.closes,
        scope: scope.map(|scope| Arc::clone(scope.scope())),
    };
    if response.content_length() == Some(0) {
        carried.end(true, || {});
        return response;
    }
    let is_head = *method == Method::HEAD;
    replace_body(response, |body| {
        Body::wrap(ChainedBody {
            body,
            carried,
            is_head,
        })
    })
}

/// What carries the response.
struct Carried {
    /// Taken when the response on it ends.
    connection: Option<Arc<Connection>>,
    closes: bool,
    /// Whose observers are notified. No exchange, which may hold the body.
    scope: Option<Arc<Scope>>,
}

impl Carried {
    /// The response has ended, and is let go of by `drop_body`.
    fn end(&mut self, is_whole: bool, drop_body: impl FnOnce()) {
        let Some(connection) = self.connection.take() else {
            return;
        };
        if !is_whole {
            // Before that, since its close may be announced at once.
            connection.note_dropped();
        }
        drop_body();
        connection.response_ended(is_whole, self.closes);
        if let Some(scope) = self.scope.take() {
            scope.notify(|observer| observer.attempt_ended(&connection.info));
        }
    }
}

struct ChainedBody {
    body: Body,
    carried: Carried,
    /// A decoder does not say that there is nothing to decode.
    is_head: bool,
}

impl ChainedBody {
    fn end(&mut self, is_whole: bool) {
        let Self { body, carried, .. } = self;
        carried.end(is_whole, || *body = Body::default());
    }
}

impl http_body::Body for ChainedBody {
    type Data = Bytes;
    type Error = reqwest::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, reqwest::Error>>> {
        let polled = ready!(Pin::new(&mut self.body).poll_frame(cx));
        match &polled {
            None => self.end(true),
            Some(Ok(_)) if self.body.is_end_stream() => self.end(true),
            Some(Ok(_)) => {}
            Some(Err(error)) => {
                let kind = ErrorKind::of(error);
                if let Some(connection) = &self.carried.connection
                    && matches!(kind, ErrorKind::Connection | ErrorKind::ResponseEnded)
                {
                    connection.broken();
                }
                self.end(false);
            }
        }
        Poll::Ready(polled)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for ChainedBody {
    fn drop(&mut self) {
        let is_whole = self.is_head || self.body.is_end_stream();
        self.end(is_whole);
    }
}

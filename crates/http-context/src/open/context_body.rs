//! The body of a response whose context lasts as long as it does.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Buf as _;
use http::StatusCode;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::runtime::Handle;

use super::run::{OnPanic, Running, drop_bound, panic_on_leaks};
use crate::context::{BOUND, Bound};
use crate::exit::Exit;
use crate::facts::{LeakPolicy, Outcome};
use crate::wait_until::wait_until;

pin_project! {
    /// The body of a response of an [`HttpContextService`](crate::HttpContextService).
    pub struct ContextBody<B> {
        #[pin]
        body: Option<B>,
        // Dropped after the body, which is gone when the context closes.
        context: Option<Kept>,
        // What is to come of a body of known length.
        left: Option<u64>,
        // Whether nothing more is to come of it, though it was not polled to its end: who knows that
        // polls no more, and drops it.
        has_ended: bool,
    }

    impl<B> PinnedDrop for ContextBody<B> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let Some(Kept { bound, .. }) = &*this.context else { return };
            // What the body drops may ask for its session.
            drop_bound(bound, this.body.as_mut());
            if *this.has_ended && let Some(kept) = this.context.take() {
                kept.end(Outcome::Completed);
            }
        }
    }
}

/// A context, and its exit to come.
struct Kept {
    bound: Bound,
    exit: Option<Exit>,
    /// Whether it lasts for as long as it has children.
    is_upgraded: bool,
}

impl<B: Body> ContextBody<B> {
    pub(super) fn new(body: B) -> Self {
        Self {
            body: Some(body),
            context: None,
            left: None,
            has_ended: false,
        }
    }

    /// Goes on with the context of the call.
    pub(super) fn take_over(&mut self, status: StatusCode, Running { bound, exit }: Running<'_>) {
        self.left = self.size_hint().exact();
        self.has_ended = self.left == Some(0) || self.is_end_stream();
        self.context = Some(Kept {
            bound: bound.clone(),
            exit: exit.take(),
            is_upgraded: status == StatusCode::SWITCHING_PROTOCOLS,
        });
    }
}

impl Kept {
    /// Exits, without anybody waiting for it.
    fn end(mut self, outcome: Outcome) {
        let Some(mut exit) = self.exit.take() else {
            return;
        };
        let panics = self.bound.context.info().leak_policy == LeakPolicy::Panic;
        let is_upgraded = self.is_upgraded && self.bound.context.children() > 0;
        if !is_upgraded && let Some(report) = exit.at_once(outcome) {
            panic_on_leaks(panics, &report);
            return;
        }
        // Outside of a runtime it exits as one that is dropped, though the response has gone out.
        let Ok(runtime) = Handle::try_current() else {
            return exit.unattended(outcome);
        };
        runtime.spawn(async move {
            if is_upgraded {
                let context = exit.context().clone();
                wait_until(&context.scope().changed, || context.children() == 0).await;
                if let Some(report) = exit.at_once(outcome) {
                    return panic_on_leaks(panics, &report);
                }
            }
            if let Some(report) = exit.awaited().await {
                panic_on_leaks(panics, &report);
            }
        });
    }
}

impl<B: Body> Body for ContextBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let Some(body) = this.body.as_mut().as_pin_mut() else {
            return Poll::Ready(None);
        };
        let Some(kept) = this.context.as_mut() else {
            return body.poll_frame(cx);
        };
        let on_panic = OnPanic(&mut kept.exit);
        let polled = BOUND.sync_scope(kept.bound.clone(), || body.poll_frame(cx));
        std::mem::forget(on_panic);
        let frame = ready!(polled);
        let outcome = match &frame {
            Some(Err(_)) => Some(Outcome::Failed),
            None => Some(Outcome::Completed),
            Some(Ok(frame)) => {
                let length = frame.data_ref().map_or(0, |data| data.remaining() as u64);
                *this.left = this.left.map(|left| left.saturating_sub(length));
                let body = this.body.as_ref().get_ref().as_ref();
                *this.has_ended = *this.left == Some(0) || body.is_some_and(Body::is_end_stream);
                None
            }
        };
        if let Some(outcome) = outcome
            && let Some(kept) = this.context.take()
        {
            drop_bound(&kept.bound, this.body);
            kept.end(outcome);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let body = self.body.as_ref();
        body.map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl<B> fmt::Debug for ContextBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContextBody")
            .field("has_ended", &self.has_ended)
            .finish_non_exhaustive()
    }
}

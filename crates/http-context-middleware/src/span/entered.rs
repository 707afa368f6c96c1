//! The spans that are entered on this thread.

use std::cell::RefCell;
use std::sync::Arc;

use tracing::Span;

/// What is bound to the thread, until this is dropped there.
pub(crate) enum Entered {
    #[expect(dead_code, reason = "it is kept for its drop")]
    Tracing(TracingEntered),
    #[cfg(feature = "opentelemetry")]
    #[expect(dead_code, reason = "it is kept for its drop")]
    OpenTelemetry(opentelemetry::ContextGuard),
}

thread_local! {
    /// One within the other. `None` stands for a span that had ended before it was entered.
    static ENTERED: RefCell<Vec<Option<Entered>>> = const { RefCell::new(Vec::new()) };
}

pub(super) fn push(entered: Option<Entered>) {
    ENTERED.with_borrow_mut(|all| all.push(entered));
}

pub(super) fn pop() {
    // Dropped outside of the borrow, since a subscriber may do anything.
    let last = ENTERED.with_borrow_mut(Vec::pop);
    drop(last);
}

/// A span of `tracing` that is entered, without a clone of it at the subscriber.
pub(crate) struct TracingEntered(Arc<Span>);

impl TracingEntered {
    pub(crate) fn new(span: Arc<Span>) -> Self {
        span.with_subscriber(|(id, subscriber)| subscriber.enter(id));
        Self(span)
    }
}

impl Drop for TracingEntered {
    fn drop(&mut self) {
        self.0
            .with_subscriber(|(id, subscriber)| subscriber.exit(id));
    }
}

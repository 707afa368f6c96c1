//! No session to be had, and why.

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use crate::identity::{CallSite, ContextId, SessionId};

/// Nothing is bound to this task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Error)]
#[error(
    "no HTTP context is bound to this task: run the code inside the worker, wrap it in \
     `http_context::open`, or make your own client and pass it in; a bare `tokio::spawn` starts \
     unbound, so spawn with `http_context::spawn` to carry the context to a child task"
)]
#[non_exhaustive]
pub struct NoContext;

/// The context that is bound to this task has exited.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "HTTP context {context}{} was closed {closed_ago:?} ago: it was opened at {opened_at}{}; \
     await the task before its context exits, or open a context of its own in it",
    named(.name.as_deref()),
    spawned(.spawned_at.as_ref())
)]
#[non_exhaustive]
pub struct ContextClosed {
    /// The context that exited.
    pub context: ContextId,
    /// Its name, when it was given one.
    pub name: Option<Arc<str>>,
    /// Where it was opened.
    pub opened_at: CallSite,
    /// Where this task was spawned from it, when that is how the task came to it.
    pub spawned_at: Option<CallSite>,
    /// How long ago it closed.
    pub closed_ago: Duration,
}

fn named(name: Option<&str>) -> String {
    name.map(|name| format!(" ({name})")).unwrap_or_default()
}

fn spawned(at: Option<&CallSite>) -> String {
    at.map(|at| format!(", and this task was spawned at {at}"))
        .unwrap_or_default()
}

/// The session behind a handle was closed; the handle will never work again.
///
/// Inside a context that is still open, `http_session()` gives a fresh session.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "HTTP session {session} of the context opened at {opened_at} is closed: get a session with \
     `http_session()` where it is used, and keep no handle past the end of its context"
)]
#[non_exhaustive]
pub struct SessionClosed {
    /// The session that was closed.
    pub session: SessionId,
    /// The context that it belonged to.
    pub context: ContextId,
    /// Where that context was opened.
    pub opened_at: CallSite,
}

/// `open` inside a context whose nested policy is
/// [`Deny`](crate::NestedPolicy::Deny).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "an HTTP context opened at {outer} is already bound to this task, and it denies the nested \
     one opened at {inner}: use `http_session()` there, or choose another `NestedPolicy`"
)]
#[non_exhaustive]
pub struct NestedDenied {
    /// Where the bound context was opened.
    pub outer: CallSite,
    /// Where the nested `open` was called.
    pub inner: CallSite,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_context_names_the_three_ways_out_and_the_unbound_spawn() {
        let text = NoContext.to_string();
        for part in [
            "inside the worker",
            "`http_context::open`",
            "your own client",
            "`tokio::spawn`",
            "`http_context::spawn`",
        ] {
            assert!(text.contains(part), "{part:?} is missing in {text:?}");
        }
    }
}

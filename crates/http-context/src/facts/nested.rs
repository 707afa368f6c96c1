//! What an `open` does where a context is already bound.

use crate::identity::{CallSite, ContextId};

/// What [`open`](crate::open) does where a context is already bound to the task.
///
/// The policy of the *outer* context decides, since it is the one whose session would be shared.
/// Every nested open is counted and reported to observers with both call sites, whatever the policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NestedPolicy {
    /// The work runs in the bound context, which stays as it is when the work ends.
    #[default]
    PassThrough,
    /// As `PassThrough`; observers that log do so as a warning.
    Warn,
    /// The work is not started; the error names where the outer context was opened.
    Deny,
    /// The work gets a fresh context, closed when it ends; then the outer one is bound again.
    Isolate,
}

impl NestedPolicy {
    pub(crate) fn passes_through(self) -> bool {
        matches!(self, Self::PassThrough | Self::Warn)
    }

    /// The value of the label `policy`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PassThrough => "pass_through",
            Self::Warn => "warn",
            Self::Deny => "deny",
            Self::Isolate => "isolate",
        }
    }
}

/// An `open` inside a context, for [`Observer::nested_open`](crate::Observer::nested_open).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NestedOpen {
    /// The context that was bound.
    pub outer: ContextId,
    /// Where that context was opened.
    pub outer_opened_at: CallSite,
    /// Where the nested `open` was called.
    pub called_at: CallSite,
    /// What was done.
    pub policy: NestedPolicy,
}

//! Which redirects a session follows, and what it sends to where they lead.

mod policy;
mod rules;

pub use self::policy::{RedirectAction, RedirectAttempt, RedirectPolicy};
pub(super) use self::rules::{Redirected, Rules};

//! What reads jobs of a user's type, taken from the worker, with its check.

#[path = "typed_line.rs"]
pub(crate) mod check;
#[path = "../../src/jobs/unreadable.rs"]
mod unreadable;

use self::unreadable::read;

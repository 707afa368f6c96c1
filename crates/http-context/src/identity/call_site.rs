//! A source location.

use std::panic::Location;

/// A line of source code, as `#[track_caller]` gives it.
pub type CallSite = &'static Location<'static>;

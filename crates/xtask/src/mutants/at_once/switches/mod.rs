//! Sources with each change behind a switch of its own.
//!
//! A switch is on in one run of a test, for one change; all others are off then. What is behind it is the text that the
//! change leaves, as cargo-mutants would write it, so that `a && b || c` with its `&&` replaced is `a || b || c`,
//! whatever binds first. A switch that is off asks those inside of its text.

mod find;
#[cfg(test)]
mod tests;
mod write;

use std::ops::{Range, RangeInclusive};

use super::changes::Change;

/// A source with switches.
#[derive(Debug)]
pub(super) struct Switched {
    pub(super) text: String,
    pub(super) places: Vec<Place>,
}

/// Where the switch of a change is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) change: u32,
    /// The lines that are only there for this change.
    pub(super) own: RangeInclusive<usize>,
    /// The lines of all that it may replace, with the switches of the same text.
    pub(super) whole: RangeInclusive<usize>,
}

/// Text with switches.
#[derive(Debug)]
struct Site {
    range: Range<usize>,
    form: Form,
    branches: Vec<Branch>,
}

#[derive(Debug)]
struct Branch {
    change: u32,
    /// What stands there instead of the text of the site.
    text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// The statements of a function.
    Return,
    /// An expression.
    Whole,
    /// Behind the pattern of an arm without a guard.
    NewGuard,
    /// The guard of an arm.
    MoreGuard,
}

/// Puts changes of one file behind switches. Those without a place in what comes of it cannot be there.
pub(super) fn switch(text: &str, changes: &[&Change]) -> Result<Switched, String> {
    let sites = find::sites(text, changes)?;
    Ok(write::written(text, &sites))
}

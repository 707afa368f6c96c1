//! Finding leaks: who holds what, where it was acquired, and what leaked lately.

mod backtrace;
mod counts;
mod recent;

pub use backtrace::sample_backtraces;
pub(crate) use backtrace::sampled as sampled_backtrace;
pub(crate) use counts::{CallSiteCounts, CallSiteIndex, Released};
pub(crate) use recent::{
    NestedCount, leaks as recent_leaks, nested_opens as recent_nested_opens, note_leak,
    note_nested, note_resolved,
};
pub use recent::{RecentLeak, RecentNestedOpen};

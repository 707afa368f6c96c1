//! Looks at the whole process: what is open, and what leaked lately.

mod no_open_contexts;
mod snapshot;

pub use no_open_contexts::{NoOpenContexts, OpenContexts, assert_no_open_contexts};
pub use snapshot::{LiveContext, LiveUpgrade, Snapshot, snapshot};

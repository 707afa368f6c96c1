//! Carries a context to child tasks, which its exit waits for.

mod guard;
mod join_set;
mod spawn;
mod sync_scope;

pub use join_set::JoinSet;
pub use spawn::{FutureExt, InContext, spawn, spawn_blocking, spawn_local};

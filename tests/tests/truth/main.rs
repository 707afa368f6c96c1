//! What the instrumentation says, held against a server that counts and against the kernel.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, and says where"
)]

mod bodies;
mod cardinality;
mod connections;
mod connects;
mod contexts;
mod leaks;
mod load;
mod middleware;
mod names;
mod outcomes;
mod pools;
mod redirects;
#[allow(dead_code, reason = "other tests use the rest of it")]
mod rig;
mod storm;
mod streams;
mod turned_away;

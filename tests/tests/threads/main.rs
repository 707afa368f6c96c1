//! Contexts that several threads are at.
//!
//! `order` stops one thread in the middle of a fact, lets another act, and looks at the order;
//! `storm` lets many do everything at once. `STORM_ROUNDS=100000` opens so many contexts, from a seed
//! that is printed; `STORM_SEED` sets it.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, and says where"
)]

mod order;
mod stopping;
mod storm;
mod waiting;

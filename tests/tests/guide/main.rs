//! What the guide says: its tests run, its figures are measured, and every text of an error has its entry.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, and says where"
)]

mod cost;
mod shown;
mod testing;
mod troubleshooting;

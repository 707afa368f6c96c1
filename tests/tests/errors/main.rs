//! What the errors of requests say, and what they keep to themselves.
//!
//! `secrets` is about the errors of requests, `responses` about those of what is done with a
//! response, `kinds` about what is known of an error behind the errors of others, `versions` about
//! versions of HTTP, `texts` holds the table of the documentation, and `random` throws secrets at all
//! of it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails, and says where"
)]

mod kinds;
mod middleware;
mod random;
mod responses;
mod secrets;
mod texts;
mod versions;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What must not be seen anywhere.
const SECRET: &str = "S3CRET";

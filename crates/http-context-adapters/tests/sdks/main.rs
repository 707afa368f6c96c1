//! SDKs inside a context: what the report says is what the server counted, and what is kept is found.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, and says where"
)]

#[cfg(feature = "aws-smithy")]
mod aws_smithy;
#[cfg(feature = "oauth2")]
mod oauth2;
#[cfg(feature = "object-store")]
mod object_store;
#[cfg(feature = "opendal")]
mod opendal;
#[cfg(feature = "opentelemetry-http")]
mod opentelemetry_http;
#[allow(dead_code, reason = "no single feature uses all of it")]
mod support;

//! Whole SDKs inside a context: each file is an example, held against what its server counted.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, and says where"
)]

mod axum_service;
mod kube;
mod oauth2;
mod object_store;
mod octocrab;
mod s3;
mod tonic;

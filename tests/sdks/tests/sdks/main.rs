//! Whole SDKs inside a context: each file is an example, held against what its server counted.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, and says where"
)]

mod apalis;
mod async_openai;
mod aws_sdk_s3;
mod axum_service;
mod genai;
mod kube;
mod library;
mod middleware;
mod oauth2;
mod object_store;
mod octocrab;
mod openai;
mod opentelemetry_otlp;
mod reqwest_websocket;
mod s3;
mod servers;
mod tonic;

//! Requests are built as with `reqwest`, and get what their context has for them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails, and says where"
)]

mod auth;
mod base_url;
mod connect_timeout;
mod cookies;
mod debug;
mod decompression;
mod headers;
mod local;
mod parts;
mod plain_client;
mod refused;
mod status;

use http_context_tests::Server;
use reqwest::header::HeaderName;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What each request to a server had as this header, in the order in which they came.
fn sent(server: &Server, name: &HeaderName) -> Vec<(String, Option<String>)> {
    let seen = server.seen().into_iter().map(|seen| {
        let value = seen.headers.get(name);
        let value = value.map(|value| value.to_str().unwrap().to_owned());
        (seen.uri.path().to_owned(), value)
    });
    seen.collect()
}

/// As [`sent`], to be held against.
fn expected(all: &[(&str, Option<&str>)]) -> Vec<(String, Option<String>)> {
    let all = all.iter();
    all.map(|(path, value)| ((*path).to_owned(), value.map(str::to_owned)))
        .collect()
}

//! What a job is.
//!
//! A job arrives as one line of JSON ([`parse`]), waits in the queue as the compact form of
//! [`Job`], and is worked off by the handler. Everything that can be wrong with a line is found
//! here, before it is queued: a job that is in the queue can be sent.
//!
//! Three forms are taken:
//!
//! ```json
//! {"id": "a1", "requests": [{"method": "POST", "url": "https://…", "headers": {"…": "…"}, "body": "…", "timeout_ms": 5000}]}
//! {"id": "a2", "url": "https://…"}
//! {"id": "c1", "websocket": {"url": "wss://…", "send": ["text", {"base64": "AAEC"}], "receive": 3, "timeout_ms": 5000}}
//! ```
//!
//! The short form takes the same optional fields beside its `url`. In both, `concurrency` says how
//! many of the job's requests may run at once and `proxy` through which proxy they go. Fields that
//! are not known are left alone, so a producer may keep its own notes in a job.
//!
//! The third form is a conversation over a WebSocket ([`WebSocketSpec`]), with optional `headers` and
//! `subprotocols`; `proxy` holds for it as well. Its messages are strings for text and
//! `{"base64": "…"}` for bytes, in the job and in its result.

mod parse;
mod websocket;

use serde::{Deserialize, Serialize};

pub(crate) use parse::from_line;
pub use parse::parse;
pub use websocket::{
    MAX_MESSAGE_BYTES, MAX_RECEIVE, MAX_RECEIVED_BYTES, WebSocketMessage, WebSocketSpec,
};

/// The most requests of one job that may run at once.
pub const MAX_JOB_CONCURRENCY: u64 = 1000;

/// The longest timeout of one request or conversation: a day, in milliseconds.
pub const MAX_TIMEOUT_MS: u64 = 24 * 60 * 60 * 1000;

/// One job, as it waits in the queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// The name by which its result line is found. Unique among all jobs of one state.
    pub id: String,
    /// The requests, in the order in which they start. None where the job is a conversation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requests: Vec<RequestSpec>,
    /// The conversation, where the job is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub websocket: Option<WebSocketSpec>,
    /// How many requests of this job may run at once. At least 1.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub concurrency: usize,
    /// The proxy of this job. The environment's proxy settings apply when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<String>,
}

/// One request of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestSpec {
    /// The method, `GET` unless the job says otherwise.
    pub method: String,
    /// An absolute `http` or `https` URL.
    pub url: String,
    /// Headers, sorted by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    /// The body, sent as UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// How long the request may take, from its start to the last byte of the response's body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
}

fn one() -> usize {
    1
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_one(n: &usize) -> bool {
    *n == 1
}

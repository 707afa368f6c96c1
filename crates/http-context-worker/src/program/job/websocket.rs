//! A job that is a conversation over a WebSocket.

use serde::{Deserialize, Serialize};

/// The most messages that a conversation waits for.
pub const MAX_RECEIVE: u64 = 1_000_000;

/// The longest message in bytes that a conversation receives. A longer one ends it with an error, and
/// with the close code 1009.
pub const MAX_MESSAGE_BYTES: usize = 16 * 1024 * 1024;

/// How many bytes of received messages stand in the result of a job. From the first message on that
/// goes beyond, they are counted and left out.
pub const MAX_RECEIVED_BYTES: usize = 256 * 1024;

/// What is said over one WebSocket: it sends its messages, waits for as many as it asks for, and
/// closes with the code 1000.
///
/// Sending and receiving go on side by side. What comes beyond the messages that it waits for is
/// counted, and is not in the result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebSocketSpec {
    /// An absolute `ws`, `wss`, `http` or `https` URL.
    pub url: String,
    /// Headers of the handshake, sorted by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    /// The subprotocols that are offered, in this order. The server has to choose one of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subprotocols: Vec<String>,
    /// What is sent, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub send: Vec<WebSocketMessage>,
    /// How many messages are waited for, pings and pongs aside. None unless the job says otherwise.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub receive: u64,
    /// How long it may take, from the start of the handshake to the last message. The close has a
    /// second of its own beyond that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
}

/// A message, as it stands in jobs and in results: a string is text, `{"base64": "…"}` is binary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum WebSocketMessage {
    /// Text.
    Text(String),
    /// Bytes.
    Binary {
        /// The bytes, which are written in base64: the standard alphabet, with padding.
        #[serde(with = "as_base64")]
        base64: Vec<u8>,
    },
}

impl WebSocketMessage {
    /// How long it is, in bytes.
    pub fn size(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary { base64 } => base64.len(),
        }
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// Bytes as a string.
mod as_base64 {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(from)?;
        STANDARD.decode(text).map_err(serde::de::Error::custom)
    }
}

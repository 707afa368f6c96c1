//! What became of an attempt at a job.

use std::time::Duration;

use http_context::ConnectionUse;
use serde::Serialize;

use crate::program::attempt::send::RequestOutcome;
use crate::program::job::WebSocketMessage;
use crate::progress::tally::{Tally, WebSockets};
use crate::retry::MAX_DELAY;

/// What the code of a job returns: what became of its requests, or of its conversation.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct JobOutcome {
    /// Of each request, in the order of the job.
    pub requests: Vec<RequestOutcome>,
    /// Of the conversation, where the job is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub websocket: Option<Box<WebSocketOutcome>>,
}

/// Which part of a job failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailedPart {
    /// The request at this place in the list.
    Request(usize),
    WebSocket,
}

impl JobOutcome {
    /// Why the job failed, if it did. A conversation whose handshake is refused has failed, whatever
    /// `fail_on_status` says.
    pub(crate) fn first_error(&self, fail_on_status: bool) -> Option<(FailedPart, String)> {
        if let Some(error) = self.websocket.as_ref().and_then(|one| one.error.as_ref()) {
            return Some((FailedPart::WebSocket, format!("websocket: {error}")));
        }
        let count = self.requests.len();
        self.requests
            .iter()
            .enumerate()
            .find_map(|(index, request)| {
                let what = match (&request.error, request.status) {
                    (Some(error), _) => error.clone(),
                    (None, Some(status)) if fail_on_status && status >= 400 => {
                        format!("status {status}")
                    }
                    _ => return None,
                };
                let error = format!("request {} of {count}: {what}", index + 1);
                Some((FailedPart::Request(index), error))
            })
    }

    /// The longest wait that a response asks for, up to a minute.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        let of_requests = self.requests.iter().map(|request| request.retry_after);
        let of_websocket = self.websocket.iter().map(|one| one.retry_after);
        let asked = of_requests.chain(of_websocket).flatten().max();
        asked.map(|wait| wait.min(MAX_DELAY))
    }

    /// Adds its responses to the sums, and what its conversation carried.
    pub(crate) fn add_to(&self, sums: &mut Tally) {
        for connection in self.connections() {
            *sums.responses.entry(connection.to_owned()).or_default() += 1;
        }
        if let Some(websocket) = &self.websocket {
            sums.websockets.add(&WebSockets {
                opened: u64::from(websocket.status == Some(101)),
                sent_messages: websocket.sent_messages,
                received_messages: websocket.received_messages,
            });
        }
    }

    /// The use of the connection of each response.
    fn connections(&self) -> impl Iterator<Item = &'static str> {
        let requests = self.requests.iter();
        let of_requests = requests.map(|request| (request.status, request.connection));
        let of_websocket = self
            .websocket
            .iter()
            .map(|one| (one.status, one.connection));
        let responses = of_requests.chain(of_websocket);
        responses.filter_map(|(status, connection)| status.map(|_| connection))
    }
}

/// What became of a conversation, as it stands in the result line.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WebSocketOutcome {
    /// The status of the handshake's response, when there was one: 101 where the WebSocket was opened.
    pub status: Option<u16>,
    /// From the start of the handshake to the end of the close, in milliseconds.
    pub duration_ms: f64,
    /// Whether the connection was `new` or `reused`; `unknown` where no WebSocket was opened.
    pub connection: &'static str,
    /// The subprotocol that the server chose.
    pub subprotocol: Option<String>,
    /// The messages that were waited for and came, up to
    /// [`MAX_RECEIVED_BYTES`](crate::program::job::MAX_RECEIVED_BYTES) of them.
    pub received: Vec<WebSocketMessage>,
    /// How many of them came beyond that, and are left out.
    pub received_omitted: u64,
    /// Text and binary messages that went out.
    pub sent_messages: u64,
    /// Bytes that went out, framing included.
    pub sent_bytes: u64,
    /// Text and binary messages that came, those beyond what was waited for included.
    pub received_messages: u64,
    /// Bytes that came, framing included.
    pub received_bytes: u64,
    /// The code of the server's Close frame, 1005 for one without; `null` where none came.
    pub close_code: Option<u16>,
    /// Why there was no whole conversation. Holds no URL and no header.
    pub error: Option<String>,
    /// How long a server that refuses the handshake asks to wait.
    #[serde(skip)]
    pub retry_after: Option<Duration>,
}

impl WebSocketOutcome {
    pub(super) fn begun() -> Self {
        Self {
            status: None,
            duration_ms: 0.0,
            connection: ConnectionUse::Unknown.as_str(),
            subprotocol: None,
            received: Vec::new(),
            received_omitted: 0,
            sent_messages: 0,
            sent_bytes: 0,
            received_messages: 0,
            received_bytes: 0,
            close_code: None,
            error: None,
            retry_after: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_waited_for_a_minute_at_most() {
        let waits = |seconds| {
            let mut websocket = WebSocketOutcome::begun();
            websocket.retry_after = Some(Duration::from_secs(seconds));
            let outcome = JobOutcome {
                websocket: Some(Box::new(websocket)),
                ..JobOutcome::default()
            };
            outcome.retry_after()
        };
        assert_eq!(waits(59), Some(Duration::from_secs(59)));
        assert_eq!(waits(u64::MAX), Some(MAX_DELAY));
        assert_eq!(JobOutcome::default().retry_after(), None);
    }
}

//! The client cases of the Autobahn test suite, by their numbers, as its public description has them.
//! The suite is not run: the server of these tests is its fuzzing side, and the client sends back each
//! text and each binary message, as the suite asks of it.
//!
//! Left out are 12 and 13, which are about compression, and of 9 the larger sizes. Of 7.1.6, 7.13.1
//! and 7.13.2, where the suite expects nothing, it is tested what happens.
//!
//! The suite would say OK to all of them but 6.4.3 and 6.4.4, which are NON-STRICT: bad UTF-8 is found
//! when its frame is whole, and not before.

mod closing;
mod framing;
mod utf8;

use futures_util::StreamExt as _;
use http_context::websocket::{Message, WebSocketError};
use http_context_tests::{Frame, Step, WebSocketPeer, WebSocketSeen, WebSocketServer, opcode};

use crate::support::{clean, context, in_time, open};

/// One case of the suite.
struct Case {
    id: String,
    peer: WebSocketPeer,
    /// The text and binary messages that are to come back.
    echoes: Vec<(u8, Vec<u8>)>,
    /// What the pongs are to carry, in order.
    pongs: Vec<Vec<u8>>,
    end: End,
}

/// How the connection ends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    /// The Close frame is answered with this code; 1005 for none.
    Closes(u16),
    /// The client fails the connection, with this code if it comes through what follows it.
    Fails(u16),
}

impl Case {
    /// One that the client is to get through, until the server closes with 1000.
    fn passes(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            peer: WebSocketPeer::opens(),
            echoes: Vec::new(),
            pongs: Vec::new(),
            end: End::Closes(1000),
        }
    }

    /// One at which it is to fail the connection.
    fn fails(id: impl Into<String>, code: u16) -> Self {
        Self {
            end: End::Fails(code),
            ..Self::passes(id)
        }
    }

    /// The server sends this frame.
    fn send(self, frame: &Frame) -> Self {
        self.step(Step::Send(frame.bytes()))
    }

    /// The server sends these frames at once.
    fn send_at_once(self, frames: &[Frame]) -> Self {
        let bytes = frames.iter().flat_map(Frame::bytes).collect();
        self.step(Step::Send(bytes))
    }

    /// The server sends these frames byte by byte.
    fn send_bytewise(self, frames: &[Frame]) -> Self {
        let bytes = frames.iter().flat_map(Frame::bytes).collect();
        self.step(Step::SendBytewise(bytes))
    }

    fn step(mut self, step: Step) -> Self {
        self.peer = self.peer.then(step);
        self
    }

    /// This message comes back.
    fn echo(mut self, opcode: u8, payload: impl Into<Vec<u8>>) -> Self {
        self.echoes.push((opcode, payload.into()));
        self
    }

    fn pong(mut self, payload: impl Into<Vec<u8>>) -> Self {
        self.pongs.push(payload.into());
        self
    }

    /// The peer, with what the suite does when its frames are sent.
    fn peer(&self) -> WebSocketPeer {
        match self.end {
            End::Closes(1000) if self.ends_with_close() => self.peer.clone(),
            End::Closes(1000) => self.peer.clone().sends(&Frame::close(1000, "")),
            _ => self.peer.clone(),
        }
        .then(Step::AwaitClose)
    }

    /// Whether the case itself closes.
    fn ends_with_close(&self) -> bool {
        self.id.starts_with("7.")
    }

    fn check(&self, seen: &WebSocketSeen) {
        let id = &self.id;
        assert_eq!(seen.messages(), self.echoes, "{id}");
        assert_eq!(seen.pongs(), self.pongs, "{id}");
        let codes = seen.close_codes();
        match self.end {
            End::Closes(code) => assert_eq!(codes, [code], "{id}"),
            // What was not read here resets the connection, and the Close frame may be lost.
            End::Fails(code) => assert!(codes.is_empty() || codes == [code], "{id}: {codes:?}"),
        }
    }
}

/// A client as the suite wants it.
async fn echo(url: &str) -> Result<(), WebSocketError> {
    let mut socket = open(url).await;
    while let Some(message) = socket.next().await {
        let message = message?;
        if matches!(message, Message::Text(_) | Message::Binary(_)) {
            socket.send(message).await?;
        }
    }
    Ok(())
}

async fn run(cases: Vec<Case>) {
    let server = WebSocketServer::start();
    let run = async |case: &Case| {
        let url = server.serve(case.peer());
        let (outcome, _) = in_time(clean(context(), echo(&url))).await;
        match case.end {
            End::Closes(_) => assert!(outcome.is_ok(), "{}: {outcome:?}", case.id),
            End::Fails(_) => assert!(
                matches!(outcome, Err(WebSocketError::Protocol(_))),
                "{}: {outcome:?}",
                case.id
            ),
        }
        url
    };
    let all: Vec<_> = futures_util::stream::iter(&cases)
        .map(|case| Box::pin(run(case)))
        .buffered(8)
        .collect()
        .await;
    server.wait_until(|counts| counts.open == 0).await;
    for (case, url) in cases.iter().zip(&all) {
        let seen = server.seen(url);
        assert_eq!(seen.len(), 1, "{}", case.id);
        case.check(&seen[0]);
    }
}

/// A message of a type, as fragments of these payloads.
fn fragments(opcode: u8, payloads: &[&[u8]]) -> Vec<Frame> {
    let frames = payloads.iter().enumerate().map(|(nth, payload)| {
        let opcode = if nth == 0 {
            opcode
        } else {
            opcode::CONTINUATION
        };
        let frame = Frame::new(opcode, *payload);
        if nth + 1 < payloads.len() {
            frame.begun()
        } else {
            frame
        }
    });
    frames.collect()
}

//! What a [`WebSocketServer`](super::WebSocketServer) has seen.

use std::net::SocketAddr;

use tokio::time::Instant;

use super::frame::{Frame, opcode};

/// What a server has counted, of all connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WebSocketCounts {
    /// Connections that were accepted.
    pub accepted: u64,
    /// Of those, the ones that are open.
    pub open: u64,
    /// Connections that chose HTTP/2.
    pub http2: u64,
    /// Connections that were answered with 101.
    pub upgraded: u64,
    /// Of those, the ones that are open.
    pub open_upgraded: u64,
    /// What came after the 101.
    pub received: WireTraffic,
    /// What was sent after it.
    pub sent: WireTraffic,
}

/// What went one way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WireTraffic {
    /// All bytes, framing included.
    pub bytes: u64,
    /// Whole messages.
    pub text: u64,
    /// Whole messages.
    pub binary: u64,
    /// Frames.
    pub ping: u64,
    /// Frames.
    pub pong: u64,
    /// Frames.
    pub close: u64,
}

impl WireTraffic {
    /// Counts a frame. `fragmented` is the opcode of the message whose fragments come.
    pub(super) fn count(&mut self, frame: &Frame, fragmented: &mut Option<u8>) {
        let of = match (frame.opcode, *fragmented) {
            (opcode::CONTINUATION, Some(of)) => {
                if frame.is_last {
                    *fragmented = None;
                }
                of
            }
            (of @ (opcode::TEXT | opcode::BINARY), _) => {
                *fragmented = (!frame.is_last).then_some(of);
                of
            }
            (of, _) => of,
        };
        let of = match of {
            opcode::TEXT => &mut self.text,
            opcode::BINARY => &mut self.binary,
            opcode::PING => &mut self.ping,
            opcode::PONG => &mut self.pong,
            opcode::CLOSE => &mut self.close,
            _ => return,
        };
        *of += u64::from(frame.is_last);
    }
}

/// What a server has seen of one connection.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct WebSocketSeen {
    /// The head of the handshake's request.
    pub head: String,
    /// The client's end of it.
    pub client: Option<SocketAddr>,
    /// The frames that came, up to some number.
    pub frames: Vec<Frame>,
    /// Bytes that came after the head and are no whole frame.
    pub received: u64,
    /// When its first Close frame came.
    pub close_at: Option<Instant>,
    /// When the server had sent the last of its steps, or of its answer to a Close frame.
    pub answered_at: Option<Instant>,
    /// When its end, or its reset, came.
    pub gone_at: Option<Instant>,
}

impl WebSocketSeen {
    /// The value of a header of the handshake; the name in small letters.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines();
        lines.find_map(|line| {
            let (of, value) = line.split_once(':')?;
            of.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The codes of the Close frames that came; 1005 for one without.
    pub fn close_codes(&self) -> Vec<u16> {
        let closes = self.frames.iter().filter(|f| f.opcode == opcode::CLOSE);
        closes.map(|f| f.close_code().unwrap_or(1005)).collect()
    }

    /// The text and binary messages that came, put together from their fragments.
    pub fn messages(&self) -> Vec<(u8, Vec<u8>)> {
        let mut messages: Vec<(u8, Vec<u8>)> = Vec::new();
        for frame in &self.frames {
            match frame.opcode {
                opcode::TEXT | opcode::BINARY => {
                    messages.push((frame.opcode, frame.payload.clone()));
                }
                opcode::CONTINUATION => {
                    if let Some((_, last)) = messages.last_mut() {
                        last.extend_from_slice(&frame.payload);
                    }
                }
                _ => {}
            }
        }
        messages
    }

    /// What the pongs carried that came.
    pub fn pongs(&self) -> Vec<&[u8]> {
        let pongs = self.frames.iter().filter(|f| f.opcode == opcode::PONG);
        pongs.map(|f| &*f.payload).collect()
    }
}

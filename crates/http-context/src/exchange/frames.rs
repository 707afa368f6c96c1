//! Reads along what a WebSocket carries: which messages, and with which code it closes.
//!
//! Of whoever speaks it: what is counted is what went over the connection, and not what a library
//! has queued or handed out.

use crate::facts::{Direction, MessageType};

/// Without the mask.
const SHORTEST_HEADER: usize = 2;
/// With the mask, and a length of 64 bits.
const LONGEST_HEADER: usize = 14;

/// The code of a Close frame that has none.
const NO_CODE: u16 = 1005;

/// Follows one direction of a WebSocket from its first byte.
#[derive(Default)]
pub(super) struct Frames {
    /// Of the frame that is being read.
    header: [u8; LONGEST_HEADER],
    /// How much of it is there.
    known: usize,
    /// How much is to come of the payload, once the header is whole.
    left: u64,
    /// What the message is whose fragments come.
    fragmented: Option<MessageType>,
    /// The payload of a Close frame, up to its code.
    code: [u8; 2],
    code_known: usize,
    is_in_payload: bool,
    /// Whether a Close frame is the last: what a peer sends after it is nothing (RFC 6455, 5.5.1), while what this
    /// side sends after its own is read by the peer all the same, such as the answers to pings that came meanwhile.
    ends_with_close: bool,
    is_over: bool,
}

/// A message, or the last of its fragments.
pub(super) struct WholeMessage {
    pub(super) of: MessageType,
    /// Of a Close frame.
    pub(super) close_code: Option<u16>,
}

impl Frames {
    pub(super) fn of(direction: Direction) -> Self {
        Self {
            ends_with_close: direction == Direction::Received,
            ..Self::default()
        }
    }

    /// Reads on, and calls back for each message that is whole.
    #[inline]
    pub(super) fn read(&mut self, bytes: &[u8], mut on_message: impl FnMut(WholeMessage)) {
        // What most reads and writes are: one short frame, all of it.
        if let [first, second, rest @ ..] = bytes
            && self.known == 0
            && !self.is_over
            && let Some(of) = short_message(*first)
            && rest.len() == rest_of_short_frame(*second)
        {
            let close_code = None;
            on_message(WholeMessage { of, close_code });
        } else {
            self.read_any(bytes, on_message);
        }
    }

    fn read_any(&mut self, mut bytes: &[u8], mut on_message: impl FnMut(WholeMessage)) {
        // A frame without a payload ends with its header, which may be the last of the bytes.
        while !bytes.is_empty() && !self.is_over {
            if !self.is_in_payload {
                bytes = self.read_header(bytes);
                if !self.is_in_payload {
                    return;
                }
            }
            let here = usize::try_from(self.left).map_or(bytes.len(), |left| left.min(bytes.len()));
            let (payload, rest) = bytes.split_at(here);
            self.read_code(payload);
            self.left -= here as u64;
            bytes = rest;
            if self.left == 0
                && let Some(message) = self.end_frame()
            {
                on_message(message);
            }
        }
    }

    /// Whether a frame has begun whose end is to come.
    #[cfg(feature = "websocket")]
    pub(super) fn is_amid_frame(&self) -> bool {
        self.known > 0
    }

    fn read_header<'b>(&mut self, mut bytes: &'b [u8]) -> &'b [u8] {
        loop {
            let whole = self.header_length();
            let here = (whole - self.known).min(bytes.len());
            let (now, rest) = bytes.split_at(here);
            self.header[self.known..self.known + here].copy_from_slice(now);
            self.known += here;
            bytes = rest;
            if self.known < whole {
                return bytes;
            }
            // The first two bytes say how many more there are.
            if self.header_length() == whole {
                self.left = self.payload_length();
                self.is_in_payload = true;
                return bytes;
            }
        }
    }

    fn header_length(&self) -> usize {
        if self.known < SHORTEST_HEADER {
            return SHORTEST_HEADER;
        }
        let length = match self.header[1] & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        SHORTEST_HEADER + length + if self.is_masked() { 4 } else { 0 }
    }

    fn payload_length(&self) -> u64 {
        let extended = |bytes: usize| {
            let bytes = &self.header[SHORTEST_HEADER..SHORTEST_HEADER + bytes];
            bytes
                .iter()
                .fold(0, |length, byte| length << 8 | u64::from(*byte))
        };
        match self.header[1] & 0x7f {
            126 => extended(2),
            127 => extended(8),
            short => u64::from(short),
        }
    }

    fn is_masked(&self) -> bool {
        self.header[1] & 0x80 != 0
    }

    fn is_close(&self) -> bool {
        self.header[0] & 0x0f == 0x8
    }

    fn read_code(&mut self, payload: &[u8]) {
        if !self.is_close() {
            return;
        }
        let mask = if self.is_masked() {
            &self.header[self.known - 4..self.known]
        } else {
            &[0; 4]
        };
        for byte in payload.iter().take(self.code.len() - self.code_known) {
            self.code[self.code_known] = byte ^ mask[self.code_known];
            self.code_known += 1;
        }
    }

    /// The payload of a frame was read.
    fn end_frame(&mut self) -> Option<WholeMessage> {
        let (is_last, opcode) = (self.header[0] & 0x80 != 0, self.header[0] & 0x0f);
        let has_code = self.code_known == self.code.len();
        let code = if has_code {
            u16::from_be_bytes(self.code)
        } else {
            NO_CODE
        };
        (self.known, self.code_known, self.is_in_payload) = (0, 0, false);
        let of = match opcode {
            0x1 => MessageType::Text,
            0x2 => MessageType::Binary,
            0x8 => MessageType::Close,
            0x9 => MessageType::Ping,
            0xa => MessageType::Pong,
            0x0 => self.fragmented?,
            _ => return None,
        };
        if matches!(of, MessageType::Text | MessageType::Binary) {
            self.fragmented = (!is_last).then_some(of);
            if !is_last {
                return None;
            }
        }
        self.is_over = self.ends_with_close && of == MessageType::Close;
        Some(WholeMessage {
            of,
            close_code: (of == MessageType::Close).then_some(code),
        })
    }
}

/// What a frame is that begins with this and is a message, but for Close frames and fragments.
fn short_message(first: u8) -> Option<MessageType> {
    match first & 0x8f {
        0x81 => Some(MessageType::Text),
        0x82 => Some(MessageType::Binary),
        0x89 => Some(MessageType::Ping),
        0x8a => Some(MessageType::Pong),
        _ => None,
    }
}

/// How much comes after the first two bytes of a frame whose second byte is this, where its length is
/// in there; too much for any frame where it is not.
fn rest_of_short_frame(second: u8) -> usize {
    let (length, mask) = (second & 0x7f, if second & 0x80 == 0 { 0 } else { 4 });
    if length < 126 {
        usize::from(length) + mask
    } else {
        usize::MAX
    }
}

#[cfg(test)]
mod tests;

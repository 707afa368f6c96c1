//! Frames of RFC 6455, written and read by hand.

/// What a frame is.
pub mod opcode {
    /// The next fragment of a message.
    pub const CONTINUATION: u8 = 0x0;
    /// Text, or the first fragment of one.
    pub const TEXT: u8 = 0x1;
    /// Bytes, or the first fragment of them.
    pub const BINARY: u8 = 0x2;
    /// The end.
    pub const CLOSE: u8 = 0x8;
    /// A question whether the other end is there.
    pub const PING: u8 = 0x9;
    /// The answer to it.
    pub const PONG: u8 = 0xa;
}

/// A frame, which need not be one that the protocol allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Whether it is the last one of its message.
    pub is_last: bool,
    /// The three reserved bits, as a number up to 7.
    pub reserved: u8,
    /// See [`opcode`]; up to 15.
    pub opcode: u8,
    /// Whether it is masked, which only a client's may be.
    pub is_masked: bool,
    /// What it carries, without a mask.
    pub payload: Vec<u8>,
}

impl Frame {
    /// A whole message of a server.
    pub fn new(opcode: u8, payload: impl Into<Vec<u8>>) -> Self {
        Self {
            is_last: true,
            reserved: 0,
            opcode,
            is_masked: false,
            payload: payload.into(),
        }
    }

    /// A whole text.
    pub fn text(text: &str) -> Self {
        Self::new(opcode::TEXT, text)
    }

    /// A Close frame with a code and a reason.
    pub fn close(code: u16, reason: &str) -> Self {
        let mut payload = code.to_be_bytes().to_vec();
        payload.extend_from_slice(reason.as_bytes());
        Self::new(opcode::CLOSE, payload)
    }

    /// The same, with more of its message to follow.
    #[must_use]
    pub fn begun(self) -> Self {
        Self {
            is_last: false,
            ..self
        }
    }

    /// The same with these reserved bits.
    #[must_use]
    pub fn reserved(self, reserved: u8) -> Self {
        Self { reserved, ..self }
    }

    /// The same, masked as a client's.
    #[must_use]
    pub fn masked(self) -> Self {
        Self {
            is_masked: true,
            ..self
        }
    }

    /// The code of a Close frame, if it has one.
    pub fn close_code(&self) -> Option<u16> {
        let code = self.payload.first_chunk::<2>()?;
        (self.opcode == opcode::CLOSE).then(|| u16::from_be_bytes(*code))
    }

    /// As it goes over the wire.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.header();
        let payload = self.payload.iter().enumerate();
        let mask = if self.is_masked { MASK } else { [0; 4] };
        bytes.extend(payload.map(|(at, byte)| byte ^ mask[at % 4]));
        bytes
    }

    fn header(&self) -> Vec<u8> {
        let first = u8::from(self.is_last) << 7 | self.reserved << 4 | self.opcode;
        let masked = u8::from(self.is_masked) << 7;
        let length = self.payload.len();
        let mut header = vec![first];
        match (u8::try_from(length), u16::try_from(length)) {
            (Ok(short @ ..=125), _) => header.push(masked + short),
            (_, Ok(medium)) => {
                header.push(masked + 126);
                header.extend(medium.to_be_bytes());
            }
            _ => {
                header.push(masked + 127);
                header.extend((length as u64).to_be_bytes());
            }
        }
        if self.is_masked {
            header.extend(MASK);
        }
        header
    }
}

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// Reads frames from bytes that come in pieces.
#[derive(Debug, Default)]
pub(super) struct Reader(Vec<u8>);

impl Reader {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// The next frame, once all of it is there.
    pub(super) fn next(&mut self) -> Option<Frame> {
        let bytes = &self.0;
        let (first, second) = (*bytes.first()?, *bytes.get(1)?);
        let (length, mut at) = match second & 0x7f {
            126 => (u64::from(u16::from_be_bytes(*bytes[2..].first_chunk()?)), 4),
            127 => (u64::from_be_bytes(*bytes[2..].first_chunk()?), 10),
            short => (u64::from(short), 2),
        };
        let is_masked = second & 0x80 != 0;
        let mask = if is_masked {
            let mask = *bytes.get(at..)?.first_chunk()?;
            at += 4;
            mask
        } else {
            [0; 4]
        };
        let end = at.checked_add(usize::try_from(length).ok()?)?;
        let payload = bytes.get(at..end)?;
        let payload = payload.iter().enumerate();
        let payload = payload.map(|(at, byte)| byte ^ mask[at % 4]).collect();
        self.0.drain(..end);
        Some(Frame {
            is_last: first & 0x80 != 0,
            reserved: first >> 4 & 0x7,
            opcode: first & 0xf,
            is_masked,
            payload,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_each_length_are_read_as_they_were_written() {
        for length in [0, 1, 125, 126, 127, 65_535, 65_536, 70_000] {
            for frame in [
                Frame::new(opcode::BINARY, vec![7; length]),
                Frame::new(opcode::TEXT, vec![8; length]).masked().begun(),
                Frame::new(opcode::CONTINUATION, vec![9; length]).reserved(5),
            ] {
                let (bytes, mut reader) = (frame.bytes(), Reader::default());
                for half in bytes.chunks(bytes.len() / 2) {
                    assert_eq!(reader.next(), None);
                    reader.push(half);
                    if let Some(read) = reader.next() {
                        assert_eq!(read, frame);
                        reader = Reader::default();
                        break;
                    }
                }
                assert_eq!(reader.next(), None);
            }
        }
    }

    /// The examples of RFC 6455, section 5.7.
    #[test]
    fn frames_are_those_of_the_standard() {
        let hello = Frame::text("Hello");
        assert_eq!(hello.bytes(), b"\x81\x05Hello");
        let masked = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
        assert_eq!(hello.clone().masked().bytes(), masked);
        let hel = Frame::text("Hel").begun();
        assert_eq!(hel.bytes(), b"\x01\x03Hel");
        let binary = Frame::new(opcode::BINARY, vec![0; 256]);
        assert_eq!(binary.bytes()[..4], [0x82, 0x7e, 0x01, 0x00]);
        let binary = Frame::new(opcode::BINARY, vec![0; 65_536]);
        assert_eq!(binary.bytes()[..10], [0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0]);
    }
}

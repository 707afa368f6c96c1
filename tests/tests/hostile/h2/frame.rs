//! Frames of RFC 9113, written and read by hand.

/// What a client says first.
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(crate) const DATA: u8 = 0x0;
pub(crate) const HEADERS: u8 = 0x1;
pub(crate) const PRIORITY: u8 = 0x2;
pub(crate) const RST_STREAM: u8 = 0x3;
pub(crate) const SETTINGS: u8 = 0x4;
pub(crate) const PUSH_PROMISE: u8 = 0x5;
pub(crate) const PING: u8 = 0x6;
pub(crate) const GOAWAY: u8 = 0x7;
pub(crate) const WINDOW_UPDATE: u8 = 0x8;
pub(crate) const CONTINUATION: u8 = 0x9;

pub(crate) const END_STREAM: u8 = 0x1;
pub(crate) const ACK: u8 = 0x1;
pub(crate) const END_HEADERS: u8 = 0x4;
pub(crate) const PADDED: u8 = 0x8;

/// Settings by their numbers.
pub(crate) const HEADER_TABLE_SIZE: u16 = 0x1;
pub(crate) const MAX_CONCURRENT_STREAMS: u16 = 0x3;
pub(crate) const INITIAL_WINDOW_SIZE: u16 = 0x4;
pub(crate) const MAX_FRAME_SIZE: u16 = 0x5;

/// Reasons by their numbers.
pub(crate) const NO_ERROR: u32 = 0x0;
pub(crate) const INTERNAL_ERROR: u32 = 0x2;
pub(crate) const REFUSED_STREAM: u32 = 0x7;
pub(crate) const CANCEL: u32 = 0x8;

/// A header block of `:status: 200`, by the static table.
pub(crate) const OK: &[u8] = b"\x88";
/// One of `:status: 103`.
pub(crate) const EARLY_HINTS: &[u8] = b"\x08\x03103";

/// A frame, which need not be one that the protocol allows.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap();
    let mut bytes = header(length, kind, flags, stream);
    bytes.extend_from_slice(payload);
    bytes
}

/// The header of a frame, whatever comes after it.
pub(crate) fn header(length: u32, kind: u8, flags: u8, stream: u32) -> Vec<u8> {
    let mut bytes = length.to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes
}

pub(crate) fn settings(settings: &[(u16, u32)]) -> Vec<u8> {
    let mut payload = Vec::new();
    for (name, value) in settings {
        payload.extend(name.to_be_bytes());
        payload.extend(value.to_be_bytes());
    }
    frame(SETTINGS, 0, 0, &payload)
}

pub(crate) fn window_update(stream: u32, by: u32) -> Vec<u8> {
    frame(WINDOW_UPDATE, 0, stream, &by.to_be_bytes())
}

pub(crate) fn reset(stream: u32, reason: u32) -> Vec<u8> {
    frame(RST_STREAM, 0, stream, &reason.to_be_bytes())
}

pub(crate) fn go_away(last: u32, reason: u32) -> Vec<u8> {
    frame(
        GOAWAY,
        0,
        0,
        &[last.to_be_bytes(), reason.to_be_bytes()].concat(),
    )
}

/// A header that is in no table and comes into none, by HPACK without Huffman's code.
pub(crate) fn literal(name: &[u8], value: &[u8]) -> Vec<u8> {
    [b"\x00", &*string(name), &*string(value)].concat()
}

/// One that comes into the dynamic table.
pub(crate) fn indexed_literal(name: &[u8], value: &[u8]) -> Vec<u8> {
    [b"\x40", &*string(name), &*string(value)].concat()
}

/// A string of HPACK: its length as an integer with a prefix of seven bits, and itself.
fn string(text: &[u8]) -> Vec<u8> {
    let mut rest = text.len();
    let mut bytes = vec![u8::try_from(rest.min(127)).unwrap()];
    if rest >= 127 {
        rest -= 127;
        while rest >= 128 {
            bytes.push(u8::try_from(rest % 128).unwrap() | 128);
            rest /= 128;
        }
        bytes.push(u8::try_from(rest).unwrap());
    }
    bytes.extend_from_slice(text);
    bytes
}

/// Reads frames from bytes that come in pieces: each with its kind, flags, stream and payload.
#[derive(Default)]
pub(crate) struct Reader {
    bytes: Vec<u8>,
    is_past_preface: bool,
}

#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

impl Reader {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next frame, once all of it is there.
    pub(crate) fn next(&mut self) -> Option<Frame> {
        if !self.is_past_preface {
            let preface = self.bytes.get(..PREFACE.len())?;
            assert_eq!(preface, PREFACE, "a client begins with it");
            self.bytes.drain(..PREFACE.len());
            self.is_past_preface = true;
        }
        let head = *self.bytes.first_chunk::<9>()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let payload = self.bytes.get(9..9 + length)?.to_vec();
        self.bytes.drain(..9 + length);
        Some(Frame {
            kind: head[3],
            flags: head[4],
            stream: u32::from_be_bytes([head[5], head[6], head[7], head[8]]),
            payload,
        })
    }
}

/// The examples of RFC 7541, appendix C.1 and C.2.
#[test]
fn integers_and_literals_are_those_of_the_standard() {
    assert_eq!(string(&[b'x'; 1337])[..3], [127, 0xba, 0x09]);
    let custom = b"\x40\x0acustom-key\x0dcustom-header";
    assert_eq!(indexed_literal(b"custom-key", b"custom-header"), custom);
}

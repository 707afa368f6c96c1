//! The frames of a client of HTTP/2, as they stand on the wire.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::frame::{
    ACK, END_HEADERS, Frame, HEADERS, OK, RST_STREAM, Reader, SETTINGS, frame, settings,
};

/// Answers one request with a head whose body does not end, and gives back all that comes up to the reset of it.
pub(crate) fn answer(mut socket: &TcpStream) -> Vec<Frame> {
    socket.write_all(&settings(&[])).unwrap();
    let (mut frames, mut reader, mut bytes) = (Vec::new(), Reader::default(), [0; 4096]);
    loop {
        while let Some(next) = reader.next() {
            let answer = match next.kind {
                SETTINGS if next.flags & ACK == 0 => frame(SETTINGS, ACK, 0, &[]),
                HEADERS => frame(HEADERS, END_HEADERS, next.stream, OK),
                _ => Vec::new(),
            };
            socket.write_all(&answer).unwrap();
            let is_reset = next.kind == RST_STREAM;
            frames.push(next);
            if is_reset {
                return frames;
            }
        }
        let read = socket.read(&mut bytes).unwrap();
        assert_ne!(read, 0, "it ends without a reset");
        reader.push(&bytes[..read]);
    }
}

//! The frames of a client of HTTP/2, as they stand on the wire.

use std::io::{Read, Write};
use std::net::TcpStream;

#[derive(Debug)]
pub(crate) struct Frame {
    kind: u8,
    flags: u8,
    pub(crate) payload: Vec<u8>,
}

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;

const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

impl Frame {
    /// Whether it is the end of what its side sends.
    pub(crate) fn ends_stream(&self) -> bool {
        matches!(self.kind, DATA | HEADERS) && self.flags & END_STREAM != 0
    }
}

/// Answers one request with a head whose body does not end, and gives back all that comes up to the reset of it.
pub(crate) fn answer(mut socket: &TcpStream) -> Vec<Frame> {
    socket
        .read_exact(&mut [0; b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".len()])
        .unwrap();
    send(socket, SETTINGS, 0, &[0; 4], &[]);
    let mut frames = Vec::new();
    loop {
        let mut head = [0; 9];
        socket.read_exact(&mut head).unwrap();
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        socket.read_exact(&mut payload).unwrap();
        let (kind, flags) = (head[3], head[4]);
        match kind {
            SETTINGS if flags & ACK == 0 => send(socket, SETTINGS, ACK, &[0; 4], &[]),
            // `:status: 200`, of the static table.
            HEADERS => send(socket, HEADERS, END_HEADERS, &head[5..], &[0x88]),
            _ => {}
        }
        frames.push(Frame {
            kind,
            flags,
            payload,
        });
        if kind == RST_STREAM {
            return frames;
        }
    }
}

fn send(mut socket: &TcpStream, kind: u8, flags: u8, stream: &[u8], payload: &[u8]) {
    let length = u8::try_from(payload.len()).unwrap();
    let head = [&[0, 0, length, kind, flags], stream].concat();
    socket.write_all(&[&head, payload].concat()).unwrap();
}

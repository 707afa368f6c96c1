//! Frames and fragments.

use http_context_tests::Frame;
use http_context_tests::opcode::{BINARY, CONTINUATION, PING, PONG, TEXT};

use super::{OPEN, OPEN_OR_SILENT, PROTOCOL, TOO_LONG, Uses, row, upgrade};
use crate::cell::REQUEST;
use crate::peer::{PIECE, Speaks};
use crate::row::{Asks, Row, check, wait};

#[rustfmt::skip]
#[allow(unused_mut, reason = "some say nothing")]
const ROWS: &[Row] = &[
    row!("messages without end", |peer| {
        upgrade(&mut peer).await?; peer.flood(Frame::text("more").bytes()).await
    }, OPEN),
    row!("empty messages without end", |peer| {
        upgrade(&mut peer).await?; peer.flood(Frame::text("").bytes()).await
    }, OPEN),
    row!("messages without end that are not read", |peer| {
        upgrade(&mut peer).await?; peer.flood(Frame::text("more").bytes()).await
    }, OPEN).asks(Asks::Socket(Uses::Holds)),
    row!("messages without end that are not read while there is a heartbeat", |peer| {
        upgrade(&mut peer).await?; peer.flood(Frame::text("more").bytes()).await
    }, OPEN_OR_SILENT).asks(Asks::Socket(Uses::Beats)),
    row!("empty messages without end that are not read while there is a heartbeat", |peer| {
        upgrade(&mut peer).await?; peer.flood(Frame::text("").bytes()).await
    }, OPEN_OR_SILENT).asks(Asks::Socket(Uses::Beats)),
    row!("large messages without end that are not read while there is a heartbeat", |peer| {
        upgrade(&mut peer).await?; peer.flood(Frame::new(BINARY, vec![0; 1 << 20]).bytes()).await
    }, OPEN_OR_SILENT).asks(Asks::Socket(Uses::Beats)).takes(8 << 20),
    row!("a message of fragments without end", |peer| {
        upgrade(&mut peer).await?;
        peer.send(Frame::text("").begun().bytes()).await?;
        peer.flood(Frame::new(CONTINUATION, [b'x'; 1000]).begun().bytes()).await
    }, TOO_LONG).takes(6 << 20),
    row!("a message of empty fragments without end", |peer| {
        upgrade(&mut peer).await?;
        peer.send(Frame::text("").begun().bytes()).await?;
        peer.flood(Frame::new(CONTINUATION, []).begun().bytes()).await
    }, OPEN),
    row!("a message within a message", |peer| {
        upgrade(&mut peer).await?; peer.flood(Frame::text("more").begun().bytes()).await
    }, PROTOCOL),
    row!("the middle of no message", |peer| {
        upgrade(&mut peer).await?; peer.flood(Frame::new(CONTINUATION, *b"more").begun().bytes()).await
    }, PROTOCOL),
    row!("pings without end", |peer| {
        upgrade(&mut peer).await?; peer.flood(Frame::new(PING, [b'x'; 125]).bytes()).await
    }, OPEN),
    row!("pings without end whose answers are not read", |peer| {
        upgrade(&mut peer).await?; peer.flood(Frame::new(PING, [b'x'; 125]).bytes()).await
    }, OPEN).deafened(),
    row!("pings within a message of fragments, without end", |peer| {
        upgrade(&mut peer).await?;
        peer.send(Frame::text("").begun().bytes()).await?;
        let both = [Frame::new(PING, [b'x'; 125]).bytes(), Frame::new(CONTINUATION, []).begun().bytes()];
        peer.flood(both.concat()).await
    }, OPEN),
    row!("pongs without end", |peer| {
        upgrade(&mut peer).await?; peer.flood(Frame::new(PONG, *b"no ping").bytes()).await
    }, OPEN),
    row!("pongs without end while there is a heartbeat", |peer| {
        upgrade(&mut peer).await?; peer.flood(Frame::new(PONG, *b"no ping").bytes()).await
    }, OPEN_OR_SILENT).asks(Asks::Socket(Uses::Beats)),
    row!("a ping that is too long", |peer| {
        upgrade(&mut peer).await?; peer.flood(Frame::new(PING, [b'x'; 126]).bytes()).await
    }, PROTOCOL),
    row!("a ping in fragments", |peer| {
        upgrade(&mut peer).await?; peer.flood(Frame::new(PING, []).begun().bytes()).await
    }, PROTOCOL),
    row!("a frame of more than is allowed", |peer| {
        upgrade(&mut peer).await?; peer.send(b"\x82\x7f\0\0\0\0\x01\0\0\x01").await?; peer.flood(PIECE).await
    }, TOO_LONG),
    row!("a frame of 2^63 bytes less one", |peer| {
        upgrade(&mut peer).await?; peer.send(b"\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff").await?; peer.flood(PIECE).await
    }, TOO_LONG),
    row!("a frame of 2^64 bytes less one", |peer| {
        upgrade(&mut peer).await?; peer.send(b"\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff").await?; peer.flood(PIECE).await
    }, TOO_LONG),
    row!("a frame of 16 MiB that does not come", |peer| {
        upgrade(&mut peer).await?; peer.send(b"\x82\x7f\0\0\0\0\x01\0\0\0x").await?; Ok(peer)
    }, TOO_LONG),
    row!("a frame that trickles", |peer| {
        upgrade(&mut peer).await?;
        peer.send(b"\x82\x7e\x10\0").await?;
        loop { peer.send("x").await?; wait(REQUEST / 10).await; }
    }, OPEN),
    row!("masked frames, which only a client sends", |peer| {
        upgrade(&mut peer).await?; peer.flood(Frame::text("more").masked().bytes()).await
    }, PROTOCOL),
    row!("reserved bits, as of compression that nobody has agreed on", |peer| {
        upgrade(&mut peer).await?; peer.flood(Frame::text("more").reserved(4).bytes()).await
    }, PROTOCOL),
    row!("a reserved kind of frame", |peer| {
        upgrade(&mut peer).await?; peer.flood(Frame::new(0x3, []).bytes()).await
    }, PROTOCOL),
    row!("text that is none", |peer| {
        upgrade(&mut peer).await?; peer.flood(Frame::new(TEXT, *b"\xff\xfe").bytes()).await
    }, PROTOCOL),
    row!("HTTP", |peer| {
        upgrade(&mut peer).await?; peer.flood("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await
    }, PROTOCOL),
    row!("silence towards what is sent", |peer| {
        upgrade(&mut peer).await?; Ok(peer)
    }, OPEN).asks(Asks::Socket(Uses::Sends(8 << 20))).deafened().takes(32 << 20),
];

#[test]
fn no_frame_of_a_websocket_takes_memory_or_holds_up_the_exit() {
    check(ROWS);
}

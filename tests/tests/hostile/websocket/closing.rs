//! The handshake, and the end.

use http_context_tests::Frame;
use http_context_tests::opcode::{CLOSE, PING};

use super::{OPEN, PROTOCOL, Uses, row, upgrade, upgrade_with};
use crate::cell::{End, REQUEST};
use crate::peer::Speaks;
use crate::row::{Asks, Row, check, wait};

const MISMATCH: &[End] = &[End::Socket("Mismatch")];
const LATE: &[End] = &[End::Socket("HandshakeTimeout")];
const UNANSWERED: &[End] = &[End::Socket("CloseTimeout")];

#[rustfmt::skip]
#[allow(unused_mut, reason = "some say nothing")]
const HANDSHAKES: &[Row] = &[
    row!("a handshake that is not answered", |peer| { peer.request().await?; Ok(peer) }, LATE).hurries(),
    row!("interim responses to a handshake, without end", |peer| {
        peer.request().await?; peer.pour("HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n").await
    }, LATE).hurries(),
    row!("a handshake whose head has no end", |peer| {
        peer.request().await?;
        peer.send("HTTP/1.1 101 Switching Protocols\r\n").await?;
        peer.flood("x-flood: more\r\n").await
    }, &[End::Socket("Request")]),
    row!("a handshake that is refused at length", |peer| {
        peer.request().await?;
        peer.send("HTTP/1.1 403 Forbidden\r\n\r\n").await?;
        peer.flood("because of this, and ").await
    }, &[End::Socket("Refused")]),
    row!("a handshake that is refused byte by byte", |peer| {
        peer.request().await?;
        peer.send("HTTP/1.1 403 Forbidden\r\n\r\n").await?;
        loop { peer.send("x").await?; wait(REQUEST / 10).await; }
    }, &[End::Socket("Refused")]).hurries(),
    row!("another protocol", |peer| {
        peer.request().await?;
        peer.send("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: other\r\n\r\n").await?;
        peer.flood("other").await
    }, MISMATCH),
    row!("the answer to another key", |peer| {
        peer.request().await?;
        let head = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n";
        peer.send(format!("{head}sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")).await?;
        peer.flood(Frame::text("more").bytes()).await
    }, MISMATCH),
    row!("compression that nobody has asked for", |peer| {
        upgrade_with(&mut peer, "sec-websocket-extensions: permessage-deflate\r\n").await?;
        peer.flood(Frame::text("more").reserved(4).bytes()).await
    }, MISMATCH),
    row!("a protocol within that nobody has asked for", |peer| {
        upgrade_with(&mut peer, "sec-websocket-protocol: other\r\n").await?; Ok(peer)
    }, MISMATCH),
];

#[rustfmt::skip]
#[allow(unused_mut, reason = "some say nothing")]
const ENDS: &[Row] = &[
    row!("the end", |peer| {
        upgrade(&mut peer).await?; drop(peer); Err(std::io::ErrorKind::Other.into())
    }, &[End::Socket("ConnectionLost")]),
    row!("silence", |peer| { upgrade(&mut peer).await?; Ok(peer) }, OPEN),
    row!("silence towards a heartbeat", |peer| {
        upgrade(&mut peer).await?; Ok(peer)
    }, &[End::Socket("HeartbeatTimeout")]).asks(Asks::Socket(Uses::Beats)),
    row!("a close, and nothing", |peer| {
        upgrade(&mut peer).await?; peer.send(Frame::close(1000, "").bytes()).await?; Ok(peer)
    }, OPEN),
    row!("a close, and messages without end", |peer| {
        upgrade(&mut peer).await?;
        peer.send(Frame::close(1000, "").bytes()).await?;
        peer.flood(Frame::text("more").bytes()).await
    }, OPEN),
    row!("closes without end", |peer| {
        upgrade(&mut peer).await?; peer.flood(Frame::close(1000, "").bytes()).await
    }, OPEN),
    row!("a close within a message", |peer| {
        upgrade(&mut peer).await?;
        peer.send(Frame::text("").begun().bytes()).await?;
        peer.flood(Frame::close(1000, "").bytes()).await
    }, OPEN),
    row!("a close with half a code", |peer| {
        upgrade(&mut peer).await?; peer.flood(Frame::new(CLOSE, [3]).bytes()).await
    }, PROTOCOL),
    // The answer is 1002, which tells the peer.
    row!("a close with a code that nobody may send", |peer| {
        upgrade(&mut peer).await?; peer.flood(Frame::close(1005, "").bytes()).await
    }, OPEN),
    row!("a close with a code of nothing", |peer| {
        upgrade(&mut peer).await?; peer.flood(Frame::close(0, "").bytes()).await
    }, OPEN),
    row!("a close with a reason that is no text", |peer| {
        upgrade(&mut peer).await?; peer.flood(Frame::new(CLOSE, *b"\x03\xe8\xff").bytes()).await
    }, PROTOCOL),
    row!("a close with a reason that is too long", |peer| {
        upgrade(&mut peer).await?; peer.flood(Frame::close(1000, &"x".repeat(124)).bytes()).await
    }, PROTOCOL),
    row!("silence towards a close", |peer| {
        upgrade(&mut peer).await?; Ok(peer)
    }, UNANSWERED).asks(Asks::Socket(Uses::Closes)),
    row!("messages instead of an answer to a close", |peer| {
        upgrade(&mut peer).await?; peer.flood(Frame::text("more").bytes()).await
    }, UNANSWERED).asks(Asks::Socket(Uses::Closes)),
    row!("pings instead of an answer to a close", |peer| {
        upgrade(&mut peer).await?; peer.flood(Frame::new(PING, [b'x'; 125]).bytes()).await
    }, UNANSWERED).asks(Asks::Socket(Uses::Closes)),
    row!("a message that does not end instead of an answer to a close", |peer| {
        upgrade(&mut peer).await?; peer.send(b"\x82\x7e\xff\xff").await?; Ok(peer)
    }, UNANSWERED).asks(Asks::Socket(Uses::Closes)),
];

#[test]
fn no_handshake_of_a_websocket_takes_memory_or_holds_up_the_exit() {
    check(HANDSHAKES);
}

#[test]
fn no_end_of_a_websocket_takes_memory_or_holds_up_the_exit() {
    check(ENDS);
}

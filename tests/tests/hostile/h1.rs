//! HTTP/1.1.

use http_context::ErrorKind;
use http_context_tests::Gate;
use tokio::io::AsyncReadExt as _;
use tokio::net::tcp::OwnedReadHalf;
use tokio::sync::{mpsc, watch};

use crate::cell::{End, REQUEST};
use crate::peer::{PIECE, Seen, Speaks};
use crate::row::{Asks, Row, check, wait};

/// Notes what comes until the client is gone; after the first request not before this gate is open.
pub(crate) async fn note(
    mut read: OwnedReadHalf,
    seen: &watch::Sender<Seen>,
    requests: mpsc::UnboundedSender<u32>,
    mut until: Option<Gate>,
) {
    let (mut head, mut buffer, mut count) = (Vec::new(), vec![0; 16 * 1024], 0);
    let mut is_upgraded = false;
    while let Ok(read @ 1..) = read.read(&mut buffer).await {
        head.extend_from_slice(&buffer[..read]);
        let ends = |head: &[u8]| head.windows(4).position(|end| end == b"\r\n\r\n");
        while let Some(end) = ends(&head).filter(|_| head[0].is_ascii_uppercase() && !is_upgraded) {
            let text = String::from_utf8_lossy(&head[..end]).into_owned();
            head.drain(..end + 4);
            is_upgraded = text.contains("upgrade: ");
            seen.send_modify(|seen| {
                seen.requests += 1;
                seen.head = text;
            });
            count += 1;
            let _ = requests.send(count);
        }
        if let Some(gate) = until.take_if(|_| count > 0) {
            gate.pass().await;
        }
        // What is no head is a body.
        if is_upgraded || !head.first().is_some_and(u8::is_ascii_uppercase) {
            seen.send_modify(|seen| seen.body_bytes += head.len() as u64);
            head.clear();
        }
    }
}

macro_rules! row {
    ($name:literal, |$peer:ident| $attack:block, $ends:expr) => {
        Row::new(
            Speaks::Http1,
            $name,
            |mut $peer| Box::pin(async move { $attack }),
            $ends,
        )
    };
}

const ANSWERED: &[End] = &[End::Answered];
const ENDED: &[End] = &[End::Failed(ErrorKind::ResponseEnded)];
const INVALID: &[End] = &[End::Failed(ErrorKind::InvalidResponse)];
/// It comes after the request was written, before that, or before it was even given to the connection.
const UNASKED: &[End] = &[
    End::Answered,
    End::Failed(ErrorKind::InvalidResponse),
    End::Failed(ErrorKind::ResponseEnded),
];
const TIMEOUT: &[End] = &[End::Failed(ErrorKind::Timeout)];

const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
const WHOLE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

#[rustfmt::skip]
#[allow(unused_mut, reason = "some say nothing")]
const HEADS: &[Row] = &[
    row!("a server that means well", |peer| {
        peer.request().await?; peer.send(WHOLE).await?; Ok(peer)
    }, ANSWERED),
    row!("silence", |peer| { peer.request().await?; Ok(peer) }, TIMEOUT),
    row!("the end", |peer| { peer.request().await?; drop(peer); Err(std::io::ErrorKind::Other.into()) }, ENDED),
    row!("interim responses without end", |peer| {
        peer.request().await?; peer.pour("HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n").await
    }, TIMEOUT),
    row!("header fields without end", |peer| {
        peer.request().await?; peer.send("HTTP/1.1 200 OK\r\n").await?; peer.flood("x-flood: more\r\n").await
    }, INVALID),
    row!("a header field without end", |peer| {
        peer.request().await?; peer.send("HTTP/1.1 200 OK\r\nx-flood: ").await?; peer.flood("more").await
    }, INVALID),
    row!("a reason without end", |peer| {
        peer.request().await?; peer.send("HTTP/1.1 200 ").await?; peer.flood("more ").await
    }, INVALID),
    row!("empty lines without end", |peer| { peer.request().await?; peer.flood("\r\n").await }, INVALID),
    row!("nothing of HTTP", |peer| { peer.request().await?; peer.flood("\0\u{1}garbage").await }, INVALID),
    row!("HTTP/2", |peer| {
        peer.request().await?; peer.flood(crate::h2::frame::settings(&[])).await
    }, INVALID),
    row!("a status of four digits", |peer| {
        peer.request().await?; peer.send("HTTP/1.1 2000 OK\r\n\r\n").await?; Ok(peer)
    }, INVALID),
    row!("a head that trickles", |peer| {
        peer.request().await?;
        peer.send("HTTP/1.1 200 OK\r\nx: ").await?;
        loop { peer.send("x").await?; wait(REQUEST / 10).await; }
    }, TIMEOUT),
    row!("an answer before the question", |peer| {
        peer.send(WHOLE).await?; peer.request().await?; Ok(peer)
    }, UNASKED).early(),
    row!("another protocol, which nobody has asked for", |peer| {
        peer.request().await?;
        peer.send("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: other\r\n\r\n").await?;
        peer.flood("other").await
    }, ANSWERED),
];

#[rustfmt::skip]
#[allow(unused_mut, reason = "some say nothing")]
const BODIES: &[Row] = &[
    row!("a body that trickles", |peer| {
        peer.request().await?;
        peer.send("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n").await?;
        loop { peer.send("x").await?; wait(REQUEST / 10).await; }
    }, TIMEOUT),
    row!("a body without end", |peer| {
        peer.request().await?; peer.send("HTTP/1.1 200 OK\r\n\r\n").await?; peer.flood(PIECE).await
    }, TIMEOUT),
    row!("a body that is not read and goes on without end", |peer| {
        peer.request().await?; peer.send("HTTP/1.1 200 OK\r\n\r\n").await?; peer.flood(PIECE).await
    }, ANSWERED).asks(Asks::Heads(1)),
    row!("a body that ends early", |peer| {
        peer.request().await?;
        peer.send("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nx").await?;
        Err(std::io::ErrorKind::Other.into())
    }, ENDED),
    row!("two lengths", |peer| {
        peer.request().await?;
        peer.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok").await?;
        Ok(peer)
    }, INVALID),
    row!("a negative length", |peer| {
        peer.request().await?; peer.send("HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n").await?; Ok(peer)
    }, INVALID),
    row!("a length beyond all numbers", |peer| {
        peer.request().await?;
        peer.send("HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\n").await?;
        Ok(peer)
    }, INVALID),
    row!("a length of as much as there can be", |peer| {
        peer.request().await?;
        peer.send("HTTP/1.1 200 OK\r\ncontent-length: 18446744073709551613\r\n\r\n").await?;
        peer.flood(PIECE).await
    }, TIMEOUT),
    row!("chunks of nothing known", |peer| {
        peer.request().await?; peer.send(CHUNKED).await?; peer.flood("xyz\r\n").await
    }, INVALID),
    row!("a chunk beyond all numbers", |peer| {
        peer.request().await?; peer.send(CHUNKED).await?; peer.flood("ffffffffffffffff0\r\n").await
    }, INVALID),
    row!("a chunk of as much as there can be", |peer| {
        peer.request().await?;
        peer.send(CHUNKED).await?; peer.send("ffffffffffffffff\r\n").await?;
        peer.flood(PIECE).await
    }, TIMEOUT),
    row!("chunks of bytes without end", |peer| {
        peer.request().await?; peer.send(CHUNKED).await?; peer.flood("1\r\nx\r\n").await
    }, TIMEOUT),
    row!("an extension of a chunk without end", |peer| {
        peer.request().await?; peer.send(CHUNKED).await?; peer.send("1;x=").await?; peer.flood("more").await
    }, INVALID),
    row!("extensions of chunks without end", |peer| {
        peer.request().await?; peer.send(CHUNKED).await?; peer.flood("1;x=more-of-it\r\nx\r\n").await
    }, INVALID),
    row!("the size of a chunk without end", |peer| {
        peer.request().await?; peer.send(CHUNKED).await?; peer.pour("0").await
    }, TIMEOUT),
    row!("trailers without end", |peer| {
        peer.request().await?; peer.send(CHUNKED).await?; peer.send("0\r\n").await?; peer.flood("x-flood: more\r\n").await
    }, INVALID),
    row!("a trailer without end", |peer| {
        peer.request().await?; peer.send(CHUNKED).await?; peer.send("0\r\nx-flood: ").await?; peer.flood("more").await
    }, INVALID),
    row!("more than was asked for", |peer| {
        // The second is for a request that nobody has made, and must never be its answer.
        let request = peer.request().await?;
        peer.send(WHOLE).await?;
        if request == 1 { peer.send("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n").await?; }
        Ok(peer)
    }, ANSWERED).asks(Asks::Again),
    row!("silence towards an upload", |peer| { Ok(peer) }, TIMEOUT)
        .deaf().asks(Asks::Post(8 << 20)).takes(12 << 20).cut(),
    row!("an answer before an upload is read", |peer| { peer.send(WHOLE).await?; Ok(peer) }, UNASKED)
        .deaf().asks(Asks::Post(8 << 20)).takes(12 << 20).cut(),
];

#[test]
fn no_head_over_http1_takes_memory_or_holds_up_the_exit() {
    check(HEADS);
}

#[test]
fn no_body_over_http1_takes_memory_or_holds_up_the_exit() {
    check(BODIES);
}

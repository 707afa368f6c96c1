//! Bodies.

use super::frame::{DATA, END_HEADERS, END_STREAM, HEADERS, OK, PADDED, frame, header, literal};
use super::{ENDED, INVALID, TIMEOUT, answer, answer_head};
use crate::cell::{End, REQUEST};
use crate::peer::{PIECE, Speaks};
use crate::row::{Asks, Row, check, wait};

#[allow(unused_mut, reason = "some say nothing")]
const ROWS: &[Row] = &[
    row!(
        "a frame of 16 MiB",
        |peer| {
            let stream = answer_head(&mut peer).await?;
            peer.send(header((1 << 24) - 1, DATA, 0, stream)).await?;
            peer.flood(PIECE).await
        },
        INVALID
    ),
    row!(
        "a body before its head",
        |peer| {
            let stream = peer.request().await?;
            peer.flood(frame(DATA, 0, stream, b"x")).await
        },
        INVALID
    ),
    row!(
        "a body that nobody has asked for",
        |peer| {
            let stream = answer_head(&mut peer).await?;
            peer.flood(frame(DATA, 0, stream + 100, b"x")).await
        },
        INVALID
    ),
    row!(
        "a body that goes on after its end",
        |peer| {
            let stream = peer.request().await?;
            answer(&mut peer, stream).await?;
            peer.flood(frame(DATA, 0, stream, &[b'x'; 1000])).await
        },
        &[End::Answered]
    ),
    row!(
        "a body on no stream",
        |peer| {
            answer_head(&mut peer).await?;
            peer.flood(frame(DATA, 0, 0, b"x")).await
        },
        INVALID
    ),
    row!(
        "a body of nothing, without end",
        |peer| {
            let stream = answer_head(&mut peer).await?;
            peer.flood(frame(DATA, 0, stream, b"")).await
        },
        ENDED
    ),
    row!(
        "a body of padding, without end",
        |peer| {
            let stream = answer_head(&mut peer).await?;
            peer.flood(frame(DATA, PADDED, stream, &[255; 256])).await
        },
        ENDED
    ),
    row!(
        "a body with more padding than body",
        |peer| {
            let stream = answer_head(&mut peer).await?;
            peer.flood(frame(DATA, PADDED, stream, b"\xffx")).await
        },
        INVALID
    ),
    row!(
        "a body of bytes, without end",
        |peer| {
            let stream = answer_head(&mut peer).await?;
            peer.flood(frame(DATA, 0, stream, b"x")).await
        },
        ENDED
    )
    .takes(8 << 20),
    row!(
        "a body that is longer than is allowed by its window",
        |peer| {
            let stream = answer_head(&mut peer).await?;
            peer.flood(frame(DATA, 0, stream, &[b'x'; 16 * 1024])).await
        },
        INVALID
    ),
    row!(
        "bodies that are not read and go on without end",
        |peer| {
            let mut streams = Vec::new();
            while streams.len() < 40 {
                streams.push(answer_head(&mut peer).await?);
            }
            let pieces: Vec<_> = streams
                .iter()
                .map(|stream| frame(DATA, 0, *stream, &[b'x'; 1000]))
                .collect();
            peer.flood(pieces.concat()).await
        },
        &[End::Answered]
    )
    .asks(Asks::Heads(40))
    .takes(12 << 20),
    row!(
        "bodies that are not read and go on in bytes",
        |peer| {
            let mut streams = Vec::new();
            while streams.len() < 40 {
                streams.push(answer_head(&mut peer).await?);
            }
            let pieces: Vec<_> = streams
                .iter()
                .map(|stream| frame(DATA, 0, *stream, b"x"))
                .collect();
            peer.flood(pieces.concat()).await
        },
        &[End::Answered]
    )
    .asks(Asks::Heads(40))
    .takes(12 << 20),
    row!(
        "a body that is longer than is said of it",
        |peer| {
            let stream = peer.request().await?;
            let block = [OK, &*literal(b"content-length", b"3")].concat();
            peer.send(frame(HEADERS, END_HEADERS, stream, &block))
                .await?;
            peer.flood(frame(DATA, 0, stream, b"more than that")).await
        },
        INVALID
    ),
    row!(
        "a body that is shorter than is said of it",
        |peer| {
            let stream = peer.request().await?;
            let block = [OK, &*literal(b"content-length", b"3")].concat();
            peer.send(frame(HEADERS, END_HEADERS, stream, &block))
                .await?;
            peer.send(frame(DATA, END_STREAM, stream, b"x")).await?;
            Ok(peer)
        },
        INVALID
    ),
    row!(
        "a body that trickles",
        |peer| {
            let stream = answer_head(&mut peer).await?;
            loop {
                peer.send(frame(DATA, 0, stream, b"x")).await?;
                wait(REQUEST / 10).await;
            }
        },
        TIMEOUT
    ),
];

#[test]
fn no_body_over_http2_takes_memory_or_holds_up_the_exit() {
    check(ROWS);
}

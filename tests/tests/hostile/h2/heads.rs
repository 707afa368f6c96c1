//! Heads, interim responses and trailers, and how they are packed.

use super::frame::{
    CONTINUATION, EARLY_HINTS, END_HEADERS, END_STREAM, HEADER_TABLE_SIZE, HEADERS, OK, frame,
    header, indexed_literal, literal, settings,
};
use super::{ENDED, INVALID, TIMEOUT, answer, answer_head};
use crate::cell::{End, REQUEST};
use crate::peer::Speaks;
use crate::row::{Asks, Row, check, wait};

#[allow(unused_mut, reason = "some say nothing")]
const ROWS: &[Row] = &[
    row!(
        "a server that means well",
        |peer| {
            let stream = peer.request().await?;
            answer(&mut peer, stream).await?;
            Ok(peer)
        },
        &[End::Answered]
    ),
    row!(
        "a header block without end",
        |peer| {
            let stream = peer.request().await?;
            peer.send(frame(HEADERS, 0, stream, OK)).await?;
            peer.flood(frame(
                CONTINUATION,
                0,
                stream,
                &literal(b"x-flood", b"more"),
            ))
            .await
        },
        ENDED
    ),
    row!(
        "a header block without end of large frames",
        |peer| {
            let stream = peer.request().await?;
            peer.send(frame(HEADERS, 0, stream, OK)).await?;
            peer.flood(frame(
                CONTINUATION,
                0,
                stream,
                &literal(b"x-flood", &[b'x'; 16_000]),
            ))
            .await
        },
        ENDED
    ),
    row!(
        "empty continuations without end",
        |peer| {
            let stream = peer.request().await?;
            peer.send(frame(HEADERS, 0, stream, OK)).await?;
            peer.flood(frame(CONTINUATION, 0, stream, b"")).await
        },
        ENDED
    ),
    row!(
        "a header block that stops",
        |peer| {
            let stream = peer.request().await?;
            peer.send(frame(HEADERS, 0, stream, OK)).await?;
            Ok(peer)
        },
        TIMEOUT
    ),
    row!(
        "a bomb of HPACK",
        |peer| {
            let stream = peer.request().await?;
            // One entry that fills the table, and then a byte for each of its copies.
            let mut block = OK.to_vec();
            block.extend(indexed_literal(b"x-bomb", &[b'x'; 4000]));
            block.extend([0xbe; 12_000]);
            peer.send(frame(HEADERS, END_HEADERS, stream, &block))
                .await?;
            Ok(peer)
        },
        ENDED
    ),
    row!(
        "bombs of HPACK in interim responses without end",
        |peer| {
            let stream = peer.request().await?;
            let mut block = EARLY_HINTS.to_vec();
            block.extend(indexed_literal(b"x-bomb", &[b'x'; 4000]));
            block.extend([0xbe; 12_000]);
            peer.flood(frame(HEADERS, END_HEADERS, stream, &block))
                .await
        },
        ENDED
    ),
    row!(
        "a table of headers that changes its size without end",
        |peer| {
            peer.request().await?;
            peer.flood(settings(&[
                (HEADER_TABLE_SIZE, 0),
                (HEADER_TABLE_SIZE, u32::MAX),
            ]))
            .await
        },
        TIMEOUT
    ),
    row!(
        "interim responses without end",
        |peer| {
            let stream = peer.request().await?;
            peer.flood(frame(HEADERS, END_HEADERS, stream, EARLY_HINTS))
                .await
        },
        TIMEOUT
    )
    .takes(6 << 20),
    row!(
        "large interim responses without end",
        |peer| {
            let stream = peer.request().await?;
            let block = [EARLY_HINTS, &literal(b"link", &[b'x'; 8000])].concat();
            peer.flood(frame(HEADERS, END_HEADERS, stream, &block))
                .await
        },
        TIMEOUT
    )
    .takes(6 << 20),
    row!(
        "interim responses of many streams without end",
        |peer| {
            let mut streams = Vec::new();
            while streams.len() < 40 {
                streams.push(peer.request().await?);
            }
            let hint = [EARLY_HINTS, &*literal(b"link", &[b'x'; 100])].concat();
            let pieces: Vec<_> = streams
                .iter()
                .map(|stream| frame(HEADERS, END_HEADERS, *stream, &hint))
                .collect();
            peer.flood(pieces.concat()).await
        },
        TIMEOUT
    )
    .asks(Asks::Gets(40))
    .takes(32 << 20),
    row!(
        "101 as an interim response",
        |peer| {
            let stream = peer.request().await?;
            peer.send(frame(HEADERS, END_HEADERS, stream, b"\x08\x03101"))
                .await?;
            Ok(peer)
        },
        TIMEOUT
    ),
    row!(
        "a head without a status",
        |peer| {
            let stream = peer.request().await?;
            peer.send(frame(
                HEADERS,
                END_HEADERS | END_STREAM,
                stream,
                &literal(b"x", b"y"),
            ))
            .await?;
            Ok(peer)
        },
        INVALID
    ),
    row!(
        "trailers of 64 kB",
        |peer| {
            let stream = answer_head(&mut peer).await?;
            let block = literal(b"x-flood", &[b'x'; 16_000]);
            peer.send(frame(HEADERS, END_STREAM, stream, &block))
                .await?;
            for _ in 0..2 {
                peer.send(frame(CONTINUATION, 0, stream, &block)).await?;
            }
            peer.send(frame(CONTINUATION, END_HEADERS, stream, &block))
                .await?;
            Ok(peer)
        },
        &[End::Answered]
    ),
    row!(
        "trailers without end",
        |peer| {
            let stream = answer_head(&mut peer).await?;
            peer.send(frame(HEADERS, END_STREAM, stream, b"")).await?;
            peer.flood(frame(
                CONTINUATION,
                0,
                stream,
                &literal(b"x-flood", b"more"),
            ))
            .await
        },
        ENDED
    ),
    row!(
        "heads that are no trailers",
        |peer| {
            let stream = answer_head(&mut peer).await?;
            peer.flood(frame(HEADERS, END_HEADERS, stream, OK)).await
        },
        INVALID
    ),
    row!(
        "a head that trickles",
        |peer| {
            let stream = peer.request().await?;
            peer.send(header(10_000, HEADERS, END_HEADERS, stream))
                .await?;
            loop {
                peer.send(b"\x88").await?;
                wait(REQUEST / 10).await;
            }
        },
        TIMEOUT
    ),
];

#[test]
fn no_head_over_http2_takes_memory_or_holds_up_the_exit() {
    check(ROWS);
}

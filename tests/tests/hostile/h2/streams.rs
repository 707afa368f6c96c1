//! Streams that are reset, refused, forbidden or opened by the wrong end, and connections that go away.

use http_context::ErrorKind;

use super::frame::{
    CANCEL, END_HEADERS, GOAWAY, HEADERS, INTERNAL_ERROR, MAX_CONCURRENT_STREAMS, NO_ERROR, OK,
    PRIORITY, PUSH_PROMISE, REFUSED_STREAM, frame, go_away, literal, reset, settings,
};
use super::{ENDED, INVALID, TIMEOUT, answer, answer_head};
use crate::cell::End;
use crate::peer::Speaks;
use crate::row::{Asks, Row, check};

#[allow(unused_mut, reason = "some say nothing")]
const ROWS: &[Row] = &[
    row!(
        "each stream refused, without end",
        |peer| {
            loop {
                let stream = peer.request().await?;
                peer.send(reset(stream, REFUSED_STREAM)).await?;
            }
        },
        ENDED
    )
    .asks(Asks::Gets(200))
    .sent(3),
    row!(
        "each stream reset, without end",
        |peer| {
            loop {
                let stream = peer.request().await?;
                peer.send(reset(stream, CANCEL)).await?;
            }
        },
        ENDED
    )
    .asks(Asks::Gets(200)),
    row!(
        "each stream answered and reset",
        |peer| {
            loop {
                let stream = answer_head(&mut peer).await?;
                peer.send(reset(stream, INTERNAL_ERROR)).await?;
            }
        },
        ENDED
    )
    .asks(Asks::Gets(200)),
    row!(
        "one stream reset without end",
        |peer| {
            let stream = peer.request().await?;
            peer.flood(reset(stream, CANCEL)).await
        },
        ENDED
    ),
    row!(
        "streams reset that nobody has opened",
        |peer| {
            let stream = peer.request().await?;
            peer.flood(reset(stream + 100, CANCEL)).await
        },
        INVALID
    ),
    row!(
        "streams opened by the server",
        |peer| {
            peer.request().await?;
            peer.flood(frame(HEADERS, END_HEADERS, 2, OK)).await
        },
        INVALID
    ),
    row!(
        "pushes, which nobody wants",
        |peer| {
            let stream = peer.request().await?;
            let block = [
                b"\0\0\0\x02\x82\x86\x84",
                &*literal(b":authority", b"other"),
            ]
            .concat();
            peer.flood(frame(PUSH_PROMISE, END_HEADERS, stream, &block))
                .await
        },
        INVALID
    ),
    row!(
        "no stream at all",
        |peer| {
            peer.send(settings(&[(MAX_CONCURRENT_STREAMS, 0)])).await?;
            Ok(peer)
        },
        TIMEOUT
    )
    .deaf()
    .cut(),
    row!(
        "no stream any more",
        |peer| {
            let stream = peer.request().await?;
            peer.send(settings(&[(MAX_CONCURRENT_STREAMS, 0)])).await?;
            peer.acknowledged(2).await;
            answer(&mut peer, stream).await?;
            Ok(peer)
        },
        &[End::Answered, End::Failed(ErrorKind::Timeout)]
    )
    .asks(Asks::Again)
    .early()
    .cut(),
    row!(
        "streams allowed and forbidden by turns",
        |peer| {
            loop {
                peer.send(settings(&[(MAX_CONCURRENT_STREAMS, 0)])).await?;
                peer.send(settings(&[(MAX_CONCURRENT_STREAMS, 1)])).await?;
                let stream = peer.request().await?;
                answer(&mut peer, stream).await?;
            }
        },
        &[End::Answered]
    )
    .asks(Asks::Gets(50)),
    row!(
        "goes away before it has begun",
        |peer| {
            peer.request().await?;
            peer.send(go_away(0, NO_ERROR)).await?;
            Ok(peer)
        },
        ENDED
    )
    .sent(3),
    row!(
        "goes away from a stream that it answers",
        |peer| {
            let stream = peer.request().await?;
            peer.send(go_away(stream, NO_ERROR)).await?;
            answer(&mut peer, stream).await?;
            Ok(peer)
        },
        &[End::Answered]
    ),
    row!(
        "goes away from ever more",
        |peer| {
            peer.request().await?;
            for last in (1..100).step_by(2) {
                peer.send(go_away(last, NO_ERROR)).await?;
            }
            Ok(peer)
        },
        INVALID
    ),
    row!(
        "goes away without end",
        |peer| {
            peer.request().await?;
            peer.flood(go_away((1 << 31) - 1, NO_ERROR)).await
        },
        TIMEOUT
    ),
    row!(
        "goes away, and says much about it",
        |peer| {
            peer.request().await?;
            peer.flood(frame(
                GOAWAY,
                0,
                0,
                &[&[0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0], &[b'x'; 16_000][..]].concat(),
            ))
            .await
        },
        TIMEOUT
    ),
    row!(
        "priorities without end",
        |peer| {
            let stream = peer.request().await?;
            peer.flood(frame(PRIORITY, 0, stream, b"\0\0\0\0\x10"))
                .await
        },
        TIMEOUT
    ),
    row!(
        "a stream that depends on itself",
        |peer| {
            let stream = peer.request().await?;
            let payload = [&stream.to_be_bytes()[..], b"\x10"].concat();
            peer.flood(frame(PRIORITY, 0, stream, &payload)).await
        },
        INVALID
    ),
];

#[test]
fn no_game_with_streams_takes_memory_or_holds_up_the_exit() {
    check(ROWS);
}

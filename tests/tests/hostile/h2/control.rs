//! Settings, pings, and what is no HTTP/2.

use http_context::ErrorKind;

use super::frame::{ACK, MAX_FRAME_SIZE, PING, SETTINGS, frame, settings};
use super::{BROKEN, INVALID, TIMEOUT};
use crate::cell::End;
use crate::peer::Speaks;
use crate::row::{Row, check};

#[allow(unused_mut, reason = "some say nothing")]
const ROWS: &[Row] = &[
    row!(
        "settings without end",
        |peer| {
            peer.request().await?;
            peer.flood(settings(&[])).await
        },
        TIMEOUT
    ),
    row!(
        "settings without end, and their answers unread",
        |peer| { peer.flood(settings(&[])).await },
        TIMEOUT
    )
    .deaf(),
    row!(
        "acknowledgements of settings without end",
        |peer| {
            peer.request().await?;
            peer.flood(frame(SETTINGS, ACK, 0, b"")).await
        },
        INVALID
    ),
    row!(
        "pings without end",
        |peer| {
            peer.request().await?;
            peer.flood(frame(PING, 0, 0, b"12345678")).await
        },
        TIMEOUT
    ),
    row!(
        "pings without end, and their answers unread",
        |peer| { peer.flood(frame(PING, 0, 0, b"12345678")).await },
        TIMEOUT
    )
    .deaf(),
    row!(
        "pongs without end",
        |peer| {
            peer.request().await?;
            peer.flood(frame(PING, ACK, 0, b"12345678")).await
        },
        TIMEOUT
    ),
    row!(
        "a ping of seven bytes",
        |peer| {
            peer.request().await?;
            peer.flood(frame(PING, 0, 0, b"1234567")).await
        },
        INVALID
    ),
    row!(
        "frames of no size",
        |peer| {
            peer.send(settings(&[(MAX_FRAME_SIZE, 0)])).await?;
            Ok(peer)
        },
        BROKEN
    )
    .early(),
    row!(
        "frames of no known kind, without end",
        |peer| {
            peer.request().await?;
            peer.flood(frame(0xfa, 0xff, 0, &[b'x'; 1000])).await
        },
        TIMEOUT
    ),
    row!(
        "garbage",
        |peer| {
            peer.request().await?;
            peer.flood(b"\xde\xad\xbe\xef").await
        },
        INVALID
    ),
    row!(
        "HTTP/1.1",
        |peer| {
            peer.request().await?;
            peer.flood(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
                .await
        },
        INVALID
    ),
    row!(
        "the end",
        |peer| {
            peer.request().await?;
            drop(peer);
            Err(std::io::ErrorKind::Other.into())
        },
        &[End::Failed(ErrorKind::Connection)]
    ),
    row!(
        "silence",
        |peer| {
            peer.request().await?;
            Ok(peer)
        },
        TIMEOUT
    ),
];

#[test]
fn no_flood_of_frames_over_http2_takes_memory_or_holds_up_the_exit() {
    check(ROWS);
}

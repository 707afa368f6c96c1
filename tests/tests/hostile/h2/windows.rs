//! Windows, and uploads that nobody reads.

use super::frame::{INITIAL_WINDOW_SIZE, settings, window_update};
use super::{BROKEN, INVALID, TIMEOUT};
use crate::peer::Speaks;
use crate::row::{Asks, Row, check};

#[allow(unused_mut, reason = "some say nothing")]
const ROWS: &[Row] = &[
    row!(
        "a window of nothing",
        |peer| {
            peer.send(settings(&[(INITIAL_WINDOW_SIZE, 0)])).await?;
            peer.request().await?;
            Ok(peer)
        },
        TIMEOUT
    )
    .asks(Asks::Post(1 << 20)),
    row!(
        "a window that shrinks below nothing",
        |peer| {
            peer.request().await?;
            loop {
                peer.send(settings(&[(INITIAL_WINDOW_SIZE, 0)])).await?;
                peer.send(settings(&[(INITIAL_WINDOW_SIZE, 65_535)]))
                    .await?;
            }
        },
        TIMEOUT
    )
    .asks(Asks::Post(1 << 20)),
    row!(
        "a window that grows byte by byte",
        |peer| {
            peer.send(settings(&[(INITIAL_WINDOW_SIZE, 0)])).await?;
            let stream = peer.request().await?;
            peer.flood([window_update(stream, 1), window_update(0, 1)].concat())
                .await
        },
        TIMEOUT
    )
    .asks(Asks::Post(1 << 20)),
    row!(
        "a window that is too large",
        |peer| {
            peer.send(settings(&[(INITIAL_WINDOW_SIZE, 1 << 31)]))
                .await?;
            Ok(peer)
        },
        BROKEN
    )
    .early(),
    row!(
        "a window that overflows",
        |peer| {
            peer.request().await?;
            peer.flood(window_update(0, (1 << 31) - 1)).await
        },
        INVALID
    ),
    row!(
        "a window of a stream that overflows",
        |peer| {
            let stream = peer.request().await?;
            peer.flood(window_update(stream, (1 << 31) - 1)).await
        },
        INVALID
    )
    .asks(Asks::Post(1 << 20)),
    row!(
        "a window that grows by nothing",
        |peer| {
            let stream = peer.request().await?;
            peer.flood(window_update(stream, 0)).await
        },
        INVALID
    ),
    row!(
        "a window that grows of a stream that nobody has opened",
        |peer| {
            let stream = peer.request().await?;
            peer.flood(window_update(stream + 100, 1)).await
        },
        INVALID
    ),
    row!("silence towards an upload", |peer| { Ok(peer) }, TIMEOUT)
        .deaf()
        .asks(Asks::Post(8 << 20))
        .takes(12 << 20),
    row!(
        "an upload that is allowed and not read",
        |peer| {
            peer.send(settings(&[(INITIAL_WINDOW_SIZE, (1 << 31) - 1)]))
                .await?;
            peer.send(window_update(0, (1 << 31) - 1 - 65_535)).await?;
            Ok(peer)
        },
        TIMEOUT
    )
    .deaf()
    .asks(Asks::Post(8 << 20))
    .takes(12 << 20)
    .cut(),
];

#[test]
fn no_game_with_windows_takes_memory_or_holds_up_the_exit() {
    check(ROWS);
}

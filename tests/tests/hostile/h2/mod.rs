//! HTTP/2.

macro_rules! row {
    ($name:literal, |$peer:ident| $attack:block, $ends:expr) => {
        Row::new(
            Speaks::Http2,
            $name,
            |mut $peer| Box::pin(async move { $attack }),
            $ends,
        )
    };
}

mod bodies;
mod control;
pub(crate) mod frame;
mod heads;
mod streams;
mod windows;

use std::io;

use http_context::ErrorKind;

use self::frame::{END_HEADERS, END_STREAM, HEADERS, OK, frame};
use crate::cell::End;
use crate::peer::Peer;

/// The stream, or the connection, is given up by one end or the other.
const ENDED: &[End] = &[End::Failed(ErrorKind::ResponseEnded)];
/// The one or the other, by what was under way.
const BROKEN: &[End] = &[
    End::Failed(ErrorKind::Connection),
    End::Failed(ErrorKind::InvalidResponse),
    End::Failed(ErrorKind::ResponseEnded),
];
const INVALID: &[End] = &[End::Failed(ErrorKind::InvalidResponse)];
const TIMEOUT: &[End] = &[End::Failed(ErrorKind::Timeout)];

/// Answers the next request with a head. Its stream.
async fn answer_head(peer: &mut Peer) -> io::Result<u32> {
    let stream = peer.request().await?;
    peer.send(frame(HEADERS, END_HEADERS, stream, OK)).await?;
    Ok(stream)
}

/// Answers a request as a server that means well does.
async fn answer(peer: &mut Peer, stream: u32) -> io::Result<()> {
    let flags = END_HEADERS | END_STREAM;
    peer.send(frame(HEADERS, flags, stream, OK)).await
}

//! WebSockets.

mod closing;
mod framing;

use std::io;
use std::time::Duration;

use http_context::HttpSession;
use http_context::websocket::tungstenite::handshake::derive_accept_key;
use http_context::websocket::{CloseCode, Message, WebSocket, WebSocketError};
use tokio::time::timeout;

use crate::cell::{End, REQUEST};
use crate::peer::Peer;
use crate::row::{Limits, wait};

macro_rules! row {
    ($name:literal, |$peer:ident| $attack:block, $ends:expr) => {
        Row::new(
            Speaks::Http1,
            $name,
            |mut $peer| Box::pin(async move { $attack }),
            $ends,
        )
        .asks(Asks::Socket(Uses::Reads))
    };
}
use row;

/// What the client does with its WebSocket.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Uses {
    Reads,
    /// It reads nothing for a while.
    Holds,
    /// It reads nothing for a while, and pings meanwhile.
    Beats,
    /// It sends a message of so many bytes.
    Sends(usize),
    /// It closes, and waits for the answer.
    Closes,
}

/// The longest message that the client takes.
const LONGEST: usize = 1 << 20;
/// How long it waits for an answer to its Close frame.
const CLOSE: Duration = Duration::from_millis(50);

const OPEN: &[End] = &[End::Open];
/// Its holder reads by the time that the next ping is due, or not.
const OPEN_OR_SILENT: &[End] = &[End::Open, End::Socket("HeartbeatTimeout")];
const PROTOCOL: &[End] = &[End::Socket("Protocol")];
const TOO_LONG: &[End] = &[End::Socket("TooLong")];

/// Opens a WebSocket, and uses it.
pub(crate) async fn ask(session: HttpSession, url: &str, uses: Uses, limits: Limits) -> End {
    let begun = session.websocket(url);
    drop(session);
    let begun = begun.max_message_size(LONGEST).close_timeout(CLOSE);
    let begun = if uses == Uses::Beats {
        begun.heartbeat(REQUEST / 10)
    } else {
        begun
    };
    let socket = match begun.handshake_timeout(limits.of_handshake).connect().await {
        Ok(socket) => socket,
        Err(error) => return End::Socket(name(&error)),
    };
    let using = use_it(socket, uses);
    let ended = match limits.of_use {
        Some(limit) => timeout(limit, using).await.unwrap_or(Ok(())),
        None => using.await,
    };
    ended.map_or_else(|error| End::Socket(name(&error)), |()| End::Open)
}

async fn use_it(mut socket: WebSocket, uses: Uses) -> Result<(), WebSocketError> {
    match uses {
        Uses::Reads => {}
        Uses::Holds | Uses::Beats => wait(REQUEST / 2).await,
        Uses::Sends(bytes) => socket.send(Message::binary(vec![b'x'; bytes])).await?,
        Uses::Closes => return socket.close(CloseCode::Normal, "").await,
    }
    while let Some(message) = socket.next().await {
        message?;
    }
    Ok(())
}

fn name(error: &WebSocketError) -> &'static str {
    match error {
        WebSocketError::Request(error) if error.is_session_closed() => "SessionClosed",
        WebSocketError::Request(_) => "Request",
        WebSocketError::Refused(_) => "Refused",
        WebSocketError::Mismatch(_) => "Mismatch",
        WebSocketError::HandshakeTimeout(_) => "HandshakeTimeout",
        WebSocketError::TooLong { .. } => "TooLong",
        WebSocketError::Protocol(_) => "Protocol",
        WebSocketError::HeartbeatTimeout(_) => "HeartbeatTimeout",
        WebSocketError::CloseTimeout(_) => "CloseTimeout",
        WebSocketError::SessionClosed(_) => "SessionClosed",
        WebSocketError::Closed => "Closed",
        WebSocketError::ConnectionLost(_) => "ConnectionLost",
        _ => "another",
    }
}

/// Answers a handshake as a server that means well does, with this beside it.
async fn upgrade_with(peer: &mut Peer, more: &str) -> io::Result<()> {
    peer.request().await?;
    let head = peer.head();
    let line = head
        .lines()
        .find_map(|line| line.strip_prefix("sec-websocket-key: "));
    let accept = derive_accept_key(line.unwrap().as_bytes());
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-accept: {accept}\r\n{more}\r\n"
    );
    peer.send(answer).await
}

async fn upgrade(peer: &mut Peer) -> io::Result<()> {
    upgrade_with(peer, "").await
}

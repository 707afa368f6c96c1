//! Control frames as the protocol allows them, whatever a holder asks for.

use tokio_tungstenite::tungstenite::protocol::frame::Utf8Bytes;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message};

use crate::error::WebSocketError;

/// What a control frame carries at most: RFC 6455, section 5.5.
const MOST: usize = 125;
/// Of that, the code of a Close frame.
const CODE: usize = 2;

/// The message as it may be sent. tungstenite sends what it is given, and a peer fails the connection
/// at it.
pub(super) fn fit(message: Message) -> Result<Message, WebSocketError> {
    match message {
        Message::Ping(payload) | Message::Pong(payload) if payload.len() > MOST => {
            Err(WebSocketError::TooLongToSend)
        }
        Message::Close(Some(frame)) => Ok(Message::Close(fit_close(frame))),
        other => Ok(other),
    }
}

/// None where the code is one that stands for a frame that was not sent, or had none.
fn fit_close(frame: CloseFrame) -> Option<CloseFrame> {
    if !frame.code.is_allowed() {
        return None;
    }
    let reason = &*frame.reason;
    // Past its end there is no boundary, and 0 is one of every text.
    let mut places = (0..=MOST - CODE).rev();
    let fits = places
        .find(|at| reason.is_char_boundary(*at))
        .unwrap_or_default();
    let reason = if fits < reason.len() {
        Utf8Bytes::from(&reason[..fits])
    } else {
        frame.reason
    };
    Some(CloseFrame { reason, ..frame })
}

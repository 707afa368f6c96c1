//! The conversation of a job, over a WebSocket of the session of the context that it runs in.
//!
//! It is closed before it returns, however it went, so that an exit never waits for it. A server that
//! does not answer the Close frame costs [`CLOSE_TIMEOUT`], and no failure.

use std::fmt;
use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use http_context::websocket::{CloseFrame, Message, WebSocket, WebSocketError};
use http_context::{ConnectionUse, Direction, MessageType, Redaction, http_session};
use tokio::time::{Instant, timeout, timeout_at};

use crate::error_text::{chain, request_error};
use crate::program::attempt::outcome::WebSocketOutcome;
use crate::program::attempt::received::Received;
use crate::program::attempt::retry_after::retry_after;
use crate::program::attempt::send::{DEFAULT_TIMEOUT, headers, millis_since};
use crate::program::job::{MAX_MESSAGE_BYTES, WebSocketMessage, WebSocketSpec};
use crate::redact::redacted;

/// How long a server may take to answer a Close frame.
pub(crate) const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Opens the WebSocket, sends and receives, and closes it.
pub(crate) async fn converse(spec: &WebSocketSpec) -> WebSocketOutcome {
    let began = Instant::now();
    let limit = spec
        .timeout_ms
        .map_or(DEFAULT_TIMEOUT, Duration::from_millis);
    let mut outcome = WebSocketOutcome::begun();
    match open(spec, limit, &mut outcome).await {
        Ok(socket) => lead(socket, spec, (began, limit), &mut outcome).await,
        Err(error) => outcome.error = Some(error),
    }
    outcome.duration_ms = millis_since(began);
    outcome
}

async fn open(
    spec: &WebSocketSpec,
    limit: Duration,
    outcome: &mut WebSocketOutcome,
) -> Result<WebSocket, String> {
    let session = http_session().map_err(|error| chain(&error))?;
    let mut request = session
        .websocket(&spec.url)
        .headers(headers(&spec.headers)?)
        .handshake_timeout(limit)
        .max_message_size(MAX_MESSAGE_BYTES)
        .max_frame_size(MAX_MESSAGE_BYTES);
    for name in &spec.subprotocols {
        request = request.subprotocol(name);
    }
    let socket = match request.connect().await {
        Ok(socket) => socket,
        Err(WebSocketError::Request(error)) => return Err(request_error(&error)),
        Err(WebSocketError::Refused(refusal)) => {
            outcome.status = Some(refusal.status.as_u16());
            outcome.retry_after = retry_after(&refusal.headers);
            return Err(shortened(refusal.to_string()));
        }
        Err(error) => {
            // It fits the answer that opens a WebSocket in all but what the error names.
            let is_mismatch = matches!(error, WebSocketError::Mismatch(_));
            outcome.status = is_mismatch.then_some(101);
            return Err(shortened(chain(&error)));
        }
    };
    let head = socket.response();
    outcome.status = Some(head.status().as_u16());
    let connection = head.extensions().get::<ConnectionUse>().copied();
    outcome.connection = connection.unwrap_or(ConnectionUse::Unknown).as_str();
    outcome.subprotocol = socket.subprotocol().map(str::to_owned);
    Ok(socket)
}

/// Leads the conversation over the open WebSocket, to its close.
async fn lead(
    socket: WebSocket,
    spec: &WebSocketSpec,
    (began, limit): (Instant, Duration),
    outcome: &mut WebSocketOutcome,
) {
    let mut received = Received::default();
    let (mut sink, mut stream) = socket.split();
    let talk = talk(&mut sink, &mut stream, spec, &mut received);
    let ended = match timeout_at(began + limit, talk).await {
        Ok(Ok(())) => None,
        Ok(Err(ended)) => Some(ended),
        Err(_) => Some(Ended::TimedOut(limit)),
    };
    let mut socket = stream
        .reunite(sink)
        .expect("both are halves of one WebSocket");
    outcome.close_code = match &ended {
        Some(Ended::Closed(frame)) => Some(code(frame.as_ref())),
        _ => close(&mut socket).await,
    };
    let traffic = socket.traffic();
    let messages = |direction| {
        let of = [MessageType::Text, MessageType::Binary];
        of.map(|of| traffic.messages(direction, of)).iter().sum()
    };
    outcome.sent_messages = messages(Direction::Sent);
    outcome.received_messages = messages(Direction::Received);
    outcome.sent_bytes = traffic.bytes(Direction::Sent);
    outcome.received_bytes = traffic.bytes(Direction::Received);
    outcome.error = ended.map(|ended| {
        let (came, waited_for) = (received.count(), spec.receive);
        let (sent, to_send) = (outcome.sent_messages, spec.send.len());
        format!("{ended} ({sent} of {to_send} messages were sent, {came} of {waited_for} came)")
    });
    outcome.received_omitted = received.omitted;
    outcome.received = received.kept;
}

/// Sends all messages, and receives as many as are waited for, side by side: a server that echoes
/// stops to read where nobody reads what it sends.
async fn talk(
    sink: &mut SplitSink<WebSocket, Message>,
    stream: &mut SplitStream<WebSocket>,
    spec: &WebSocketSpec,
    received: &mut Received,
) -> Result<(), Ended> {
    let sending = async {
        for message in &spec.send {
            sink.send(to_be_sent(message)).await?;
        }
        Ok::<_, WebSocketError>(())
    };
    let mut sending = std::pin::pin!(sending);
    let mut is_sent = false;
    while !is_sent || received.count() < spec.receive {
        tokio::select! {
            sent = &mut sending, if !is_sent => {
                sent.map_err(Ended::Failed)?;
                is_sent = true;
            }
            message = stream.next() => {
                let is_waited_for = received.count() < spec.receive;
                match message {
                    Some(Ok(Message::Text(text))) if is_waited_for => received.text(&text),
                    Some(Ok(Message::Binary(bytes))) if is_waited_for => received.binary(&bytes),
                    Some(Ok(Message::Close(frame))) => return Err(Ended::Closed(frame)),
                    Some(Ok(_)) => {}
                    Some(Err(error)) => return Err(Ended::Failed(error)),
                    None => return Err(Ended::Failed(WebSocketError::Closed)),
                }
            }
        }
    }
    Ok(())
}

fn to_be_sent(message: &WebSocketMessage) -> Message {
    match message {
        WebSocketMessage::Text(text) => Message::text(text),
        WebSocketMessage::Binary { base64 } => Message::binary(base64.clone()),
    }
}

/// Closes with the code 1000, and returns the code of the server's Close frame if it sends one in
/// time.
async fn close(socket: &mut WebSocket) -> Option<u16> {
    let closing = async {
        SinkExt::close(socket).await.ok()?;
        while let Some(Ok(message)) = socket.next().await {
            if let Message::Close(frame) = message {
                return Some(code(frame.as_ref()));
            }
        }
        None
    };
    timeout(CLOSE_TIMEOUT, closing).await.ok().flatten()
}

/// The code of a Close frame: that of one without stands for it in the protocol.
fn code(frame: Option<&CloseFrame>) -> u16 {
    frame.map_or(1005, |frame| frame.code.into())
}

/// Why a conversation ended before it was whole.
enum Ended {
    TimedOut(Duration),
    Closed(Option<CloseFrame>),
    Failed(WebSocketError),
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut(limit) => write!(f, "took longer than {limit:?}"),
            Self::Closed(None) => f.write_str("the server closed it without a code"),
            Self::Closed(Some(frame)) => {
                write!(
                    f,
                    "the server closed it with code {}",
                    u16::from(frame.code)
                )?;
                if frame.reason.is_empty() {
                    return Ok(());
                }
                write!(f, ": {}", redacted(&frame.reason, &Redaction::default()))
            }
            Self::Failed(error) => f.write_str(&chain(error)),
        }
    }
}

/// What a server says for people is no more than a line.
fn shortened(mut text: String) -> String {
    const MOST: usize = 300;
    if text.len() > MOST {
        text.truncate(text.floor_char_boundary(MOST));
        text.push('…');
    }
    text
}

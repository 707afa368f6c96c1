//! What a WebSocket makes of the bytes of its peer, held against RFC 6455 as a reader of whole frames that
//! knows nothing of the library: which messages its holder gets, how it ends, and what is counted.

use std::sync::{Arc, Mutex};

use futures_util::future::join;
use http_context::testing::{Fact, Recorder};
use http_context::websocket::tungstenite::handshake::derive_accept_key;
use http_context::websocket::{Message, WebSocketError};
use http_context::{Direction, MessageType, OpenError, UpgradeEnd, http_session};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use crate::server::{self, Begun};

/// The longest message that the client takes.
const LONGEST: usize = 1024;

const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// How it ends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    /// With a Close frame.
    Closed,
    Protocol,
    TooLong,
    /// Without one.
    Lost,
}

/// A frame as it stands there.
struct Frame<'b> {
    is_last: bool,
    reserved: u8,
    opcode: u8,
    is_masked: bool,
    length: u64,
    mask: [u8; 4],
    /// None where it is not all there.
    payload: Option<&'b [u8]>,
}

impl<'b> Frame<'b> {
    /// The first one, and what comes after it. None where there is not even its head.
    fn read(bytes: &'b [u8]) -> Option<(Self, &'b [u8])> {
        let [first, second, rest @ ..] = bytes else {
            return None;
        };
        let (length, rest) = match second & 0x7f {
            126 => {
                let (length, rest) = rest.split_first_chunk::<2>()?;
                (u64::from(u16::from_be_bytes(*length)), rest)
            }
            127 => {
                let (length, rest) = rest.split_first_chunk::<8>()?;
                (u64::from_be_bytes(*length), rest)
            }
            short => (u64::from(short), rest),
        };
        let is_masked = second & 0x80 != 0;
        let (mask, rest) = if is_masked {
            let (mask, rest) = rest.split_first_chunk::<4>()?;
            (*mask, rest)
        } else {
            ([0; 4], rest)
        };
        let whole = usize::try_from(length)
            .ok()
            .filter(|length| *length <= rest.len());
        let (payload, rest) = match whole {
            Some(length) => (Some(&rest[..length]), &rest[length..]),
            None => (None, &rest[..0]),
        };
        let frame = Self {
            is_last: first & 0x80 != 0,
            reserved: first >> 4 & 7,
            opcode: first & 15,
            is_masked,
            length,
            mask,
            payload,
        };
        Some((frame, rest))
    }

    fn unmasked(&self) -> Vec<u8> {
        let payload = self.payload.unwrap_or_default().iter().enumerate();
        payload.map(|(at, byte)| byte ^ self.mask[at % 4]).collect()
    }
}

/// What is to become of what a peer says.
struct Told {
    messages: Vec<Message>,
    /// One of these.
    ends: Vec<End>,
    /// Of the Close frame; none where there is none, or where it may not have what it has.
    close_code: Option<u16>,
}

fn told(mut bytes: &[u8]) -> Told {
    let mut messages = Vec::new();
    // What the message is whose fragments come, and what has come of it.
    let mut begun: Option<(u8, Vec<u8>)> = None;
    let told = |messages, ends: &[End]| Told {
        messages,
        ends: ends.to_vec(),
        close_code: None,
    };
    loop {
        let Some((frame, rest)) = Frame::read(bytes) else {
            // Its head may be known to be bad by its first byte.
            let is_bad = bytes.first().is_some_and(|first| !is_known(first & 15));
            let ends = if is_bad {
                &[End::Lost, End::Protocol][..]
            } else {
                &[End::Lost]
            };
            return told(messages, ends);
        };
        let is_control = frame.opcode & 8 != 0;
        let is_bad = frame.reserved != 0
            || frame.is_masked
            || !is_known(frame.opcode)
            || is_control && (!frame.is_last || frame.length > 125)
            || frame.opcode == CONTINUATION && begun.is_none()
            || matches!(frame.opcode, TEXT | BINARY) && begun.is_some();
        let so_far = begun
            .as_ref()
            .map_or(0, |(_, payload)| payload.len() as u64);
        let is_long = !is_control && frame.length.saturating_add(so_far) > LONGEST as u64;
        let Some(payload) = frame.payload else {
            let mut ends = vec![End::Lost];
            ends.extend(is_bad.then_some(End::Protocol));
            ends.extend((is_long || frame.length > LONGEST as u64).then_some(End::TooLong));
            return told(messages, &ends);
        };
        if is_bad || is_long {
            let mut ends = Vec::new();
            ends.extend(is_bad.then_some(End::Protocol));
            // A control frame may be too long for either.
            ends.extend((is_long || frame.length > LONGEST as u64).then_some(End::TooLong));
            if is_long && frame.opcode != BINARY {
                // It may be no text either.
                ends.push(End::Protocol);
            }
            return told(messages, &ends);
        }
        bytes = rest;
        match frame.opcode {
            PING => messages.push(Message::Ping(payload.to_vec().into())),
            PONG => messages.push(Message::Pong(payload.to_vec().into())),
            CLOSE => {
                let (code, reason) = match payload {
                    [] => (Some(1005), &[][..]),
                    [_] => return told(messages, &[End::Protocol]),
                    [high, low, reason @ ..] => (Some(u16::from_be_bytes([*high, *low])), reason),
                };
                if std::str::from_utf8(reason).is_err() {
                    return told(messages, &[End::Protocol]);
                }
                let close_code = code.filter(|code| payload.is_empty() || may_be_sent(*code));
                return Told {
                    messages,
                    ends: vec![End::Closed],
                    close_code,
                };
            }
            opcode => {
                let (of, mut whole) = begun.take().unwrap_or((opcode, Vec::new()));
                whole.extend_from_slice(payload);
                if of == TEXT
                    && let Err(error) = std::str::from_utf8(&whole)
                    && (frame.is_last || error.error_len().is_some())
                {
                    return told(messages, &[End::Protocol]);
                }
                if !frame.is_last {
                    begun = Some((of, whole));
                } else if of == TEXT {
                    messages.push(Message::text(
                        String::from_utf8(whole).expect("it was looked at"),
                    ));
                } else {
                    messages.push(Message::binary(whole));
                }
            }
        }
    }
}

fn is_known(opcode: u8) -> bool {
    matches!(opcode, CONTINUATION | TEXT | BINARY | CLOSE | PING | PONG)
}

/// RFC 6455, section 7.4.
fn may_be_sent(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

/// The first byte says in what pieces the others come from the peer.
pub(crate) fn check(bytes: &[u8]) {
    let Some((size, bytes)) = bytes.split_first() else {
        return;
    };
    let expected = told(bytes);
    let (said, heard) = (Arc::new(bytes.to_vec()), Arc::new(Mutex::new(Vec::new())));
    let (size, noting) = (usize::from(*size), Arc::clone(&heard));
    let recorder = Arc::new(Recorder::new());
    let (got, end) = server::run(
        |context| {
            let work = async {
                let begun = http_session()?.websocket("ws://peer.test/");
                let socket = begun.max_message_size(LONGEST).connect().await;
                let mut socket = socket.expect("the handshake is as it should be");
                let mut got = Vec::new();
                while let Some(message) = socket.next().await {
                    match message {
                        Ok(message) => got.push(message),
                        Err(error) => return Ok::<_, OpenError>((got, Some(error))),
                    }
                }
                Ok((got, None))
            };
            let work = context.observer(recorder.clone()).open(work);
            async { work.await.expect("nothing refuses it") }
        },
        move |stream| serve(stream, Arc::clone(&said), size, Arc::clone(&noting)),
    );
    check_messages(&expected, got, end.as_ref());
    let mut ends = recorder.all(|fact| match fact {
        Fact::UpgradeEnded { end, .. } => Some(end.clone()),
        _ => None,
    });
    let end = ends.pop().expect("it has ended");
    assert!(ends.is_empty(), "and once");
    check_counts(&expected, &end, bytes);
    check_answers(&expected, &heard.lock().expect("nobody panicked"));
}

fn check_messages(expected: &Told, mut got: Vec<Message>, error: Option<&WebSocketError>) {
    let closed = got.pop_if(|message| message.is_close()).is_some();
    let end = match error {
        None if closed => End::Closed,
        Some(WebSocketError::Protocol(_)) => End::Protocol,
        Some(WebSocketError::TooLong { .. }) => End::TooLong,
        None | Some(WebSocketError::ConnectionLost(_)) => End::Lost,
        Some(error) => panic!("{error:?}"),
    };
    assert!(
        expected.ends.contains(&end),
        "{end:?} of {:?}, {error:?}",
        expected.ends
    );
    assert_eq!(got, expected.messages);
}

/// What is counted is what came: as many as the holder got, of what has no end but a Close frame or that of
/// the connection, and otherwise also those which came after what it fell out over.
fn check_counts(expected: &Told, end: &UpgradeEnd, bytes: &[u8]) {
    let received = |of| end.traffic.messages(Direction::Received, of);
    let is = |of: MessageType| {
        move |message: &&Message| match message {
            Message::Text(_) => of == MessageType::Text,
            Message::Binary(_) => of == MessageType::Binary,
            Message::Ping(_) => of == MessageType::Ping,
            Message::Pong(_) => of == MessageType::Pong,
            _ => false,
        }
    };
    let all = expected.ends == [End::Lost] || expected.ends == [End::Closed];
    for of in [
        MessageType::Text,
        MessageType::Binary,
        MessageType::Ping,
        MessageType::Pong,
    ] {
        let count = expected.messages.iter().filter(is(of)).count() as u64;
        let counted = received(of);
        assert!(
            counted == count || (!all && counted > count),
            "{counted} of {count} {of}"
        );
    }
    let carried = end.traffic.bytes(Direction::Received);
    assert!(carried <= bytes.len() as u64);
    assert!(
        expected.ends != [End::Lost] || carried == bytes.len() as u64,
        "{carried} of {}",
        bytes.len()
    );
    if expected.ends == [End::Closed] {
        assert_eq!(received(MessageType::Close), 1);
        if let Some(code) = expected.close_code {
            assert_eq!(end.close_code, Some(code));
        }
    }
}

/// What the client says: masked frames that are whole, pongs for pings in their order, and at the end what
/// was wrong.
fn check_answers(expected: &Told, mut heard: &[u8]) {
    let pings = expected
        .messages
        .iter()
        .filter_map(|message| match message {
            Message::Ping(payload) => Some(payload.to_vec()),
            _ => None,
        });
    let mut pings = pings.collect::<Vec<_>>().into_iter();
    let mut has_closed = false;
    while let Some((frame, rest)) = Frame::read(heard) {
        assert!(frame.is_masked && frame.is_last && frame.reserved == 0);
        assert!(frame.payload.is_some() && !has_closed);
        heard = rest;
        match frame.opcode {
            PONG => assert!(
                pings.any(|ping| ping == frame.unmasked()),
                "a pong for nothing"
            ),
            CLOSE => {
                has_closed = true;
                let payload = frame.unmasked();
                let code = payload
                    .first_chunk::<2>()
                    .map(|code| u16::from_be_bytes(*code));
                let codes = expected.ends.iter().map(|end| match end {
                    End::Closed if expected.close_code == Some(1005) => &[None][..],
                    End::Closed => &[None, Some(1000), Some(1002)],
                    End::Protocol => &[Some(1002), Some(1007)],
                    End::TooLong => &[Some(1009)],
                    End::Lost => &[],
                });
                let echoed = expected.close_code == code;
                assert!(echoed || codes.flatten().any(|of| *of == code), "{code:?}");
            }
            opcode => panic!("nobody has sent a frame of {opcode}"),
        }
    }
    assert!(heard.is_empty(), "half a frame");
}

/// Opens the WebSocket, says all there is to say, and hears what there is to hear.
async fn serve(
    mut stream: UnixStream,
    said: Arc<Vec<u8>>,
    size: usize,
    noting: Arc<Mutex<Vec<u8>>>,
) {
    let Begun::Head(request) = server::read_head(&mut stream).await else {
        return;
    };
    let key = server::header(&request, "sec-websocket-key").expect("it is a handshake");
    let accept = derive_accept_key(key.as_bytes());
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-accept: {accept}\r\n\r\n"
    );
    let (mut read, mut write) = stream.split();
    let saying = async {
        // What comes first may come with the head.
        let first = if size == 0 { said.len() } else { 0 };
        let begun = [answer.as_bytes(), &said[..first]].concat();
        let mut pieces = vec![&*begun];
        pieces.extend(said[first..].chunks(size.max(1)));
        for piece in pieces {
            if write.write_all(piece).await.is_err() {
                return;
            }
            tokio::task::yield_now().await;
        }
        let _ = write.shutdown().await;
    };
    let hearing = async {
        let mut all = Vec::new();
        let _ = read.read_to_end(&mut all).await;
        *noting.lock().expect("nobody panicked") = all;
    };
    join(saying, hearing).await;
}

//! How a server treats its connections.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader,
    ReadHalf,
};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::counts::{WebSocketCounts, WebSocketSeen, WireTraffic};
use super::frame::{Frame, Reader, opcode};
use super::peer::WebSocketPeer;
use super::steps::Steps;
use super::{Shared, lock};

/// How much is kept of what comes on one connection.
const MOST_FRAMES: usize = 1_000;

/// What answers a key, before it is hashed.
const ACCEPT: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

const NOT_FOUND: &[u8] =
    b"HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

pub(super) async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    loop {
        let (socket, _) = listener.accept().await.expect("a listener accepts");
        // It fails on a socket that the client has reset already.
        let _ = socket.set_nodelay(true);
        shared.counts.send_modify(|counts| {
            counts.accepted += 1;
            counts.open += 1;
        });
        let tls = tls.clone();
        let mut connection = Connection {
            shared: Arc::clone(&shared),
            nth: None,
            is_upgraded: false,
        };
        tokio::spawn(async move {
            match tls {
                None => connection.serve(socket).await,
                Some(tls) => {
                    let Ok(stream) = tls.accept(socket).await else {
                        return;
                    };
                    if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
                        connection.count(|counts| counts.http2 += 1);
                        return;
                    }
                    connection.serve(stream).await;
                }
            }
        });
    }
}

pub(super) trait Io: AsyncRead + AsyncWrite + Unpin {
    fn tcp(&self) -> &TcpStream;
}

impl Io for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

impl Io for TlsStream<TcpStream> {
    fn tcp(&self) -> &TcpStream {
        self.get_ref().0
    }
}

impl<S: Io> Io for BufReader<S> {
    fn tcp(&self) -> &TcpStream {
        self.get_ref().tcp()
    }
}

/// Counts a connection as open until it is dropped.
pub(super) struct Connection {
    pub(super) shared: Arc<Shared>,
    /// Where what is seen of it stands.
    nth: Option<usize>,
    is_upgraded: bool,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.note(|seen| {
            seen.gone_at.get_or_insert_with(Instant::now);
        });
        let is_upgraded = self.is_upgraded;
        self.count(|counts| {
            counts.open -= 1;
            counts.open_upgraded -= u64::from(is_upgraded);
        });
    }
}

/// How the connection ends for the client.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum End {
    Shutdown,
    Cut,
    Reset,
}

impl Connection {
    fn count(&self, count: impl FnOnce(&mut WebSocketCounts)) {
        self.shared.counts.send_modify(count);
    }

    pub(super) fn note(&self, note: impl FnOnce(&mut WebSocketSeen)) {
        if let Some(nth) = self.nth {
            note(&mut lock(&self.shared.seen)[nth].1);
        }
    }

    /// Counts bytes that were sent, and the messages in them.
    pub(super) fn count_sent(&self, sent: &mut Sent, bytes: &[u8]) {
        if !self.is_upgraded {
            return;
        }
        sent.parser.push(bytes);
        let mut counted = WireTraffic::default();
        while let Some(frame) = sent.parser.next() {
            counted.count(&frame, &mut sent.fragmented);
        }
        self.count(|counts| {
            add(&mut counts.sent, &counted);
            counts.sent.bytes += bytes.len() as u64;
        });
    }

    async fn serve(&mut self, stream: impl Io) {
        let mut stream = BufReader::new(stream);
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            // Nothing is read at the end, and an error is as good as that.
            let Ok(1..) = stream.read_until(b'\n', &mut head).await else {
                return;
            };
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let path = head.split([' ', '?']).nth(1).unwrap_or_default().to_owned();
        let peer = path[1.min(path.len())..].parse().ok();
        let peer = peer.and_then(|peer: usize| lock(&self.shared.peers).get(peer).cloned());
        let seen = WebSocketSeen {
            head,
            client: stream.tcp().peer_addr().ok(),
            ..WebSocketSeen::default()
        };
        let accept = seen.header("sec-websocket-key").map(accept_key);
        {
            let mut all = lock(&self.shared.seen);
            self.nth = Some(all.len());
            all.push((path, seen));
        }
        let Some(peer) = peer else {
            let _ = stream.write_all(NOT_FOUND).await;
            return;
        };
        let answer = peer.head.replace("{accept}", &accept.unwrap_or_default());
        if answer.starts_with("HTTP/1.1 101") {
            self.is_upgraded = true;
            self.count(|counts| {
                counts.upgraded += 1;
                counts.open_upgraded += 1;
            });
        }
        let answer = [answer.as_bytes(), &peer.behind].concat();
        if stream.write_all(&answer).await.is_err() || stream.flush().await.is_err() {
            return;
        }
        let mut counted = Sent::default();
        self.count_sent(&mut counted, &peer.behind);
        self.play(&peer, stream).await;
    }

    /// Takes the steps, and reads beside them.
    async fn play(&self, peer: &WebSocketPeer, stream: impl Io) {
        let (mut reader, mut writer) = tokio::io::split(stream);
        let (sender, frames) = mpsc::unbounded_channel();
        let end = {
            let mut reading = pin!(self.read(&mut reader, peer.reads, sender));
            let mut steps = Steps {
                connection: self,
                writer: &mut writer,
                sent: Sent::default(),
                frames,
                close: None,
            };
            let mut steps = pin!(steps.all(&peer.steps));
            tokio::select! {
                end = &mut steps => end.unwrap_or(End::Cut),
                () = &mut reading => {
                    // What came before the end is answered all the same, as far as that goes at once.
                    let answered = poll_fn(|cx| Poll::Ready(steps.as_mut().poll(cx)));
                    match answered.await {
                        Poll::Ready(Ok(end)) => end,
                        _ => End::Cut,
                    }
                }
            }
        };
        if end == End::Shutdown {
            // It fails where the client is gone.
            let _ = writer.shutdown().await;
        }
        let stream = reader.unsplit(writer);
        if end == End::Reset {
            let _ = stream.tcp().set_zero_linger();
        }
    }

    /// Reads until the end, however it comes.
    async fn read(
        &self,
        reader: &mut ReadHalf<impl Io>,
        at_once: bool,
        frames: mpsc::UnboundedSender<Frame>,
    ) {
        if !at_once {
            self.shared.gate.pass().await;
        }
        let (mut parser, mut fragmented) = (Reader::default(), None);
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(read @ 1..) = reader.read(&mut buffer).await {
            parser.push(&buffer[..read]);
            let mut counted = WireTraffic::default();
            let mut come = Vec::new();
            while let Some(frame) = parser.next() {
                counted.count(&frame, &mut fragmented);
                come.push(frame);
            }
            self.note(|seen| {
                seen.received += read as u64;
                for frame in &come {
                    if frame.opcode == opcode::CLOSE {
                        seen.close_at.get_or_insert_with(Instant::now);
                    }
                    if seen.frames.len() < MOST_FRAMES {
                        seen.frames.push(frame.clone());
                    }
                }
            });
            if self.is_upgraded {
                self.count(|counts| {
                    add(&mut counts.received, &counted);
                    counts.received.bytes += read as u64;
                });
            }
            for frame in come {
                // The steps may be over with what comes.
                let _ = frames.send(frame);
            }
        }
        self.note(|seen| {
            seen.gone_at.get_or_insert_with(Instant::now);
        });
    }
}

/// What is known of what was sent.
#[derive(Default)]
pub(super) struct Sent {
    parser: Reader,
    fragmented: Option<u8>,
}

fn add(to: &mut WireTraffic, more: &WireTraffic) {
    to.text += more.text;
    to.binary += more.binary;
    to.ping += more.ping;
    to.pong += more.pong;
    to.close += more.close;
}

/// RFC 6455, section 4.2.2.
fn accept_key(key: &str) -> String {
    let input = format!("{key}{ACCEPT}");
    let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, input.as_bytes());
    STANDARD.encode(hash)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_answer_to_a_key_is_that_of_the_standard() {
        let accept = super::accept_key("dGhlIHNhbXBsZSBub25jZQ==");
        assert_eq!(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }
}

//! The other side of WebSockets: another implementation, which counts what comes and goes.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use http_context::MessageType;
use http_context::websocket::tungstenite::{self, Message};
use http_context_tests::tls::{self, Leaf};
use rustls::{ServerConnection, StreamOwned};
use tokio::sync::watch;

/// What it has counted, of each connection that is over.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) over: u64,
    /// Messages that came and went, by type.
    pub(crate) received: [i64; MessageType::ALL.len()],
    pub(crate) sent: [i64; MessageType::ALL.len()],
    pub(crate) bytes_received: u64,
    pub(crate) bytes_sent: u64,
}

/// Sends a ping when it begins, and sends back what is text or binary. With the path `/mute` it reads
/// nothing, and so answers no ping.
pub(crate) struct Peer {
    scheme: &'static str,
    pub(crate) addr: SocketAddr,
    counts: watch::Receiver<Counts>,
}

impl Peer {
    pub(crate) fn start(is_tls: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let (sender, counts) = watch::channel(Counts::default());
        let sender = Arc::new(sender);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let sender = Arc::clone(&sender);
                thread::spawn(move || serve(stream, is_tls, &sender));
            }
        });
        let scheme = if is_tls { "wss" } else { "ws" };
        Self {
            scheme,
            addr,
            counts,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.addr)
    }

    /// What it has counted once so many connections are over.
    pub(crate) async fn counts(&self, over: u64) -> Counts {
        let mut counts = self.counts.clone();
        counts.wait_for(|c| c.over == over).await.unwrap().clone()
    }
}

trait Stream: Read + Write {}

impl<T: Read + Write> Stream for T {}

/// Counts bytes, of what is inside of TLS.
struct Counting {
    stream: Box<dyn Stream>,
    received: Arc<AtomicU64>,
    sent: Arc<AtomicU64>,
}

impl Read for Counting {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.stream.read(buf)?;
        self.received.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

impl Write for Counting {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let written = self.stream.write(buf)?;
        self.sent.fetch_add(written as u64, Ordering::Relaxed);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

fn index(message: &Message) -> usize {
    let of = match message {
        Message::Text(_) => MessageType::Text,
        Message::Binary(_) => MessageType::Binary,
        Message::Ping(_) => MessageType::Ping,
        Message::Pong(_) => MessageType::Pong,
        _ => MessageType::Close,
    };
    MessageType::ALL
        .iter()
        .position(|known| *known == of)
        .unwrap()
}

fn serve(stream: TcpStream, is_tls: bool, all: &watch::Sender<Counts>) {
    let stream: Box<dyn Stream> = if is_tls {
        let config = tls::server_config(Leaf::Valid, &[b"h2", b"http/1.1"]);
        Box::new(StreamOwned::new(
            ServerConnection::new(config).unwrap(),
            stream,
        ))
    } else {
        Box::new(stream)
    };
    let (received, sent) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
    let counting = Counting {
        stream,
        received: Arc::clone(&received),
        sent: Arc::clone(&sent),
    };
    let mut path = String::new();
    #[expect(
        clippy::result_large_err,
        reason = "the library says what its callback returns"
    )]
    let note_path = |request: &tungstenite::handshake::server::Request, response| {
        request.uri().path().clone_into(&mut path);
        Ok(response)
    };
    let Ok(mut socket) = tungstenite::accept_hdr(counting, note_path) else {
        return;
    };
    // From here on it is a WebSocket.
    let before = [&received, &sent].map(|count| count.load(Ordering::Relaxed));
    let mut counts = Counts::default();
    if path == "/mute" {
        // Until the other side hangs up, at which nothing more can be written.
        let mut byte = [0; 1];
        while matches!(socket.get_mut().stream.read(&mut byte), Ok(1)) {}
    } else {
        let ping = Message::Ping(tungstenite::Bytes::from_static(b"?"));
        counts.sent[index(&ping)] += 1;
        let _ = socket.send(ping);
        while let Ok(message) = socket.read() {
            counts.received[index(&message)] += 1;
            let answer = match &message {
                Message::Text(_) | Message::Binary(_) => Some(message.clone()),
                // It answers these by itself.
                Message::Ping(payload) => {
                    counts.sent[index(&Message::Pong(payload.clone()))] += 1;
                    None
                }
                Message::Close(_) => {
                    counts.sent[index(&message)] += 1;
                    None
                }
                _ => None,
            };
            if let Some(answer) = answer {
                counts.sent[index(&answer)] += 1;
                let _ = socket.send(answer);
            }
        }
        counts.bytes_received = received.load(Ordering::Relaxed) - before[0];
        counts.bytes_sent = sent.load(Ordering::Relaxed) - before[1];
    }
    all.send_modify(|all| {
        all.over += 1;
        all.bytes_received += counts.bytes_received;
        all.bytes_sent += counts.bytes_sent;
        for of in 0..MessageType::ALL.len() {
            all.received[of] += counts.received[of];
            all.sent[of] += counts.sent[of];
        }
    });
}

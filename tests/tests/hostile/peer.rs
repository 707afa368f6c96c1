//! A server whose connections are in the hands of an attack.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http_context_tests::{Gate, RawServer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, watch};

use crate::h1;
use crate::h2::frame::{self, Reader, settings};
use crate::row::wait;

/// What an attack does with a connection: which it closes by dropping it, and keeps open until the client
/// is gone by giving it back. An error is the client that has closed it.
pub(crate) type Attack = fn(Peer) -> Attacking;
pub(crate) type Attacking = Pin<Box<dyn Future<Output = io::Result<Peer>> + Send>>;

/// What floods are made of where it does not matter.
pub(crate) const PIECE: &[u8] = &[b'x'; 16 * 1024];

/// What was seen of all connections.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// Requests: the first frame of headers on each stream.
    pub(crate) requests: u64,
    /// Bytes of their bodies.
    pub(crate) body_bytes: u64,
    /// Reasons of the resets that came.
    pub(crate) resets: Vec<u32>,
    /// Reasons of the connections that the client gave up.
    pub(crate) go_aways: Vec<u32>,
    pub(crate) acks: u64,
    /// The last head of HTTP/1.1.
    pub(crate) head: String,
}

/// One connection.
pub(crate) struct Peer {
    out: OwnedWriteHalf,
    /// See [`request`](Self::request).
    requests: mpsc::UnboundedReceiver<u32>,
    seen: watch::Receiver<Seen>,
}

impl Peer {
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.out.write_all(bytes.as_ref()).await
    }

    /// Says this for as long as it is heard.
    pub(crate) async fn flood(mut self, bytes: impl AsRef<[u8]>) -> io::Result<Self> {
        let bytes = bytes.as_ref();
        let many = bytes.repeat((16 * 1024 / bytes.len()).max(1));
        loop {
            self.send(&many).await?;
        }
    }

    /// Says this for as long as it is heard, and leaves the client time to read it all before there is more.
    pub(crate) async fn pour(mut self, bytes: impl AsRef<[u8]>) -> io::Result<Self> {
        let bytes = bytes.as_ref();
        let many = bytes.repeat((4 * 1024 / bytes.len()).max(1));
        loop {
            self.send(&many).await?;
            wait(Duration::from_millis(1)).await;
        }
    }

    /// The next request, once its head has come: its stream, or of HTTP/1.1 its number.
    pub(crate) async fn request(&mut self) -> io::Result<u32> {
        let next = self.requests.recv().await;
        next.ok_or_else(|| io::ErrorKind::ConnectionReset.into())
    }

    /// The head of the last request of HTTP/1.1.
    pub(crate) fn head(&self) -> String {
        self.seen.borrow().head.clone()
    }

    /// Waits until so many settings and pings were answered.
    pub(crate) async fn acknowledged(&mut self, count: u64) {
        let _ = self.seen.wait_for(|seen| seen.acks >= count).await;
    }
}

/// What a server speaks, as far as it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speaks {
    Http1,
    Http2,
}

/// How the connections are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ear {
    /// As they come.
    Hears,
    /// Once the client is gone.
    Deaf,
    /// Up to the first request, and then once the client is gone.
    Deafened,
}

/// A server that makes this attack on each connection.
pub(crate) struct Hostile {
    pub(crate) server: RawServer,
    pub(crate) over: Gate,
    seen: Arc<watch::Sender<Seen>>,
}

impl Hostile {
    pub(crate) fn start(speaks: Speaks, attack: Attack, ear: Ear) -> Self {
        let (over, seen) = (Gate::new(), Arc::new(watch::Sender::new(Seen::default())));
        let (gate, noting) = (over.clone(), Arc::clone(&seen));
        let server = RawServer::start(move |socket| {
            Box::pin(serve(
                socket,
                speaks,
                attack,
                ear,
                gate.clone(),
                Arc::clone(&noting),
            ))
        });
        Self { server, over, seen }
    }

    pub(crate) fn seen(&self) -> Seen {
        self.seen.borrow().clone()
    }

    /// Waits until a request was seen, or where it may be that none is, until it is connected to.
    pub(crate) async fn begun(&self, sees_all: bool) {
        if sees_all {
            let mut seen = self.seen.subscribe();
            seen.wait_for(|seen| seen.requests > 0).await.unwrap();
        } else {
            self.server.wait_until(|counts| counts.accepted > 0).await;
        }
    }
}

async fn serve(
    socket: TcpStream,
    speaks: Speaks,
    attack: Attack,
    ear: Ear,
    over: Gate,
    seen: Arc<watch::Sender<Seen>>,
) {
    let (read, out) = socket.into_split();
    let (streams, requests) = mpsc::unbounded_channel();
    let reading = async {
        if ear == Ear::Deaf {
            over.pass().await;
        }
        match speaks {
            Speaks::Http1 => {
                let until = (ear == Ear::Deafened).then_some(over);
                h1::note(read, &seen, streams, until).await;
            }
            Speaks::Http2 => note(read, &seen, streams).await,
        }
    };
    let attacking = async {
        // Some clients are gone before that.
        let seen = seen.subscribe();
        let mut peer = Peer {
            out,
            requests,
            seen,
        };
        if speaks == Speaks::Http2 {
            peer.send(settings(&[])).await?;
        }
        attack(peer).await
    };
    // A peer that is given back is kept until both are over.
    let _ = tokio::join!(reading, attacking);
}

/// Notes what comes until the client is gone.
async fn note(
    mut read: OwnedReadHalf,
    seen: &watch::Sender<Seen>,
    streams: mpsc::UnboundedSender<u32>,
) {
    let (mut reader, mut buffer) = (Reader::default(), vec![0; 16 * 1024]);
    while let Ok(count @ 1..) = read.read(&mut buffer).await {
        reader.push(&buffer[..count]);
        while let Some(frame) = reader.next() {
            let reason = |at: usize| {
                let bytes = frame.payload[at..].first_chunk();
                u32::from_be_bytes(*bytes.unwrap())
            };
            seen.send_modify(|seen| match frame.kind {
                frame::HEADERS => seen.requests += 1,
                frame::DATA => seen.body_bytes += frame.payload.len() as u64,
                frame::RST_STREAM => seen.resets.push(reason(0)),
                frame::GOAWAY => seen.go_aways.push(reason(4)),
                _ => seen.acks += u64::from(frame.flags & frame::ACK != 0),
            });
            if frame.kind == frame::HEADERS {
                let _ = streams.send(frame.stream);
            }
        }
    }
}

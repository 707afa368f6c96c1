//! Peers that speak by a script: what no honest server would say.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use http_context_tests::Gate;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

use crate::cue::Cue;

/// Listens on loopback, counts what it accepts, and runs a script on each connection.
pub(crate) struct Peer {
    addr: SocketAddr,
    pub(crate) accepted: watch::Receiver<u64>,
    pub(crate) cue: Cue,
    accepting: AbortHandle,
}

impl Peer {
    /// A peer that runs `script` on each connection; it stops when it is dropped.
    pub(crate) fn start<F>(script: impl Fn(TcpStream, Cue) -> F + Send + 'static) -> Arc<Self>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let listener = TcpListener::from_std(listener).unwrap();
        let addr = listener.local_addr().unwrap();
        let (count, accepted) = watch::channel(0);
        let cue = Cue::default();
        let accepting = tokio::spawn({
            let cue = cue.clone();
            async move {
                let mut connections = JoinSet::new();
                loop {
                    let (socket, _) = listener.accept().await.unwrap();
                    socket.set_nodelay(true).unwrap();
                    count.send_modify(|count| *count += 1);
                    connections.spawn(script(socket, cue.clone()));
                }
            }
        });
        Arc::new(Self {
            addr,
            accepted,
            cue,
            accepting: accepting.abort_handle(),
        })
    }

    /// A peer of HTTP/1.1 that answers each request by the same script.
    pub(crate) fn http1(script: Http1) -> Arc<Self> {
        Self::start(move |mut socket, cue| {
            let script = script.clone();
            async move {
                while read_head(&mut socket).await {
                    // A client that is gone already does not listen.
                    let _ = socket.write_all(&script.first).await;
                    cue.here().await;
                    let _ = socket.write_all(&script.then).await;
                    match script.end {
                        End::Stay => {}
                        End::Close => return close(socket).await,
                        End::HalfClose => {
                            let _ = socket.shutdown().await;
                        }
                    }
                }
            }
        })
    }

    /// A peer of HTTP/2 that runs `serve` for each request.
    pub(crate) fn http2<F>(
        serve: impl Fn(RecvStream, SendResponse<Bytes>, Cue) -> F + Clone + Send + Sync + 'static,
    ) -> Arc<Self>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self::start(move |socket, cue| {
            let serve = serve.clone();
            async move {
                let Ok(mut connection) = h2::server::handshake(socket).await else {
                    return;
                };
                let mut streams = JoinSet::new();
                while let Some(Ok((request, respond))) = connection.accept().await {
                    streams.spawn(serve(request.into_body(), respond, cue.clone()));
                }
            }
        })
    }

    /// A peer of HTTP/2 that gives the whole connection up while it holds a request.
    pub(crate) fn goes_away(reason: Reason) -> Arc<Self> {
        Self::start(move |socket, cue| async move {
            let Ok(mut connection) = h2::server::handshake(socket).await else {
                return;
            };
            let Some(Ok(_held)) = connection.accept().await else {
                return;
            };
            cue.here().await;
            connection.abrupt_shutdown(reason);
            while connection.accept().await.is_some() {}
        })
    }

    /// A proxy that tunnels, and cuts its tunnels when the fault strikes.
    pub(crate) fn tunnel(to: SocketAddr, cut: Gate) -> Arc<Self> {
        Self::start(move |mut socket, _| {
            let cut = cut.clone();
            async move {
                if !read_head(&mut socket).await {
                    return;
                }
                let mut server = TcpStream::connect(to).await.unwrap();
                let established = b"HTTP/1.1 200 Connection established\r\n\r\n";
                let _ = socket.write_all(established).await;
                tokio::select! {
                    _ = tokio::io::copy_bidirectional(&mut socket, &mut server) => {}
                    () = cut.pass() => {}
                }
            }
        })
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.addr)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// What a peer of HTTP/1.1 answers once it has read the head of a request.
#[derive(Clone, Default)]
pub(crate) struct Http1 {
    first: Bytes,
    then: Bytes,
    end: End,
}

/// What it does at the end of its answer.
#[derive(Clone, Copy, Default)]
pub(crate) enum End {
    /// It waits for the next request.
    #[default]
    Stay,
    /// It ends the stream in order.
    Close,
    /// It says no more, and still reads.
    HalfClose,
}

impl Http1 {
    /// Says this before the fault strikes.
    pub(crate) fn first(bytes: impl Into<Bytes>) -> Self {
        Self {
            first: bytes.into(),
            ..Self::default()
        }
    }

    /// Says this when the fault strikes.
    pub(crate) fn then(mut self, bytes: impl Into<Bytes>) -> Self {
        self.then = bytes.into();
        self
    }

    pub(crate) fn end(mut self, end: End) -> Self {
        self.end = end;
        self
    }
}

/// Reads to the end of a request's head; `false` when the client is gone.
pub(crate) async fn read_head(socket: &mut TcpStream) -> bool {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match socket.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return false,
        }
    }
    true
}

/// Ends the stream, and waits until the client does: closing with bytes unread would be a reset.
async fn close(mut socket: TcpStream) {
    let _ = socket.shutdown().await;
    let _ = tokio::io::copy(&mut socket, &mut tokio::io::sink()).await;
}

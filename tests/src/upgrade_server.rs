//! A server whose connections become something else than HTTP.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use crate::runtime_thread::RuntimeThread;
use crate::tls::{self, Leaf};

/// How long [`UpgradeServer::wait_until`] waits.
const DEADLINE: Duration = Duration::from_secs(20);

/// A server on a thread of its own that answers each request which asks for an upgrade with 101, and
/// sends back whatever comes after it.
///
/// | what comes | what it does |
/// |---|---|
/// | a request without `Upgrade` | 426, no body |
/// | the path `/refuse` | 403, `no` |
/// | bytes | sends them back |
/// | a line `bye` | closes the connection |
/// | the end of the stream | closes the connection |
///
/// With TLS it offers HTTP/2 as well, as most servers do, and closes a connection that chooses it.
#[derive(Debug)]
pub struct UpgradeServer {
    addr: SocketAddr,
    scheme: &'static str,
    counts: watch::Receiver<UpgradeCounts>,
    _thread: RuntimeThread,
}

/// What an [`UpgradeServer`] has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UpgradeCounts {
    /// Connections that were accepted.
    pub accepted: u64,
    /// Of those, the ones that are open.
    pub open: u64,
    /// Connections that chose HTTP/2.
    pub http2: u64,
    /// Connections that were upgraded.
    pub upgraded: u64,
    /// Bytes that came on upgraded connections.
    pub received: u64,
    /// Bytes that were sent on them.
    pub sent: u64,
}

impl UpgradeServer {
    /// One that speaks in the clear.
    pub fn start() -> Self {
        Self::start_with("http", None)
    }

    /// One with TLS, which offers HTTP/2 and HTTP/1.1.
    pub fn start_tls() -> Self {
        let config = tls::server_config(Leaf::Valid, &[b"h2", b"http/1.1"]);
        Self::start_with("https", Some(TlsAcceptor::from(config)))
    }

    fn start_with(scheme: &'static str, tls: Option<TlsAcceptor>) -> Self {
        let (counts, seen) = watch::channel(UpgradeCounts::default());
        let (thread, addr) = RuntimeThread::start("upgrade-server", move || {
            let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
                .expect("there is a free port");
            listener
                .set_nonblocking(true)
                .expect("a listener can be made non-blocking");
            let addr = listener.local_addr().expect("a listener has an address");
            let listener = TcpListener::from_std(listener).expect("it runs in a runtime");
            (addr, accept(listener, tls, Arc::new(counts)))
        });
        Self {
            addr,
            scheme,
            counts: seen,
            _thread: thread,
        }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The URL of a path, which starts with a slash.
    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.addr)
    }

    /// What it has counted so far.
    pub fn counts(&self) -> UpgradeCounts {
        *self.counts.borrow()
    }

    /// Waits until the counts are as asked.
    ///
    /// # Panics
    ///
    /// When that does not happen within twenty seconds. The message has the counts.
    pub async fn wait_until(
        &self,
        condition: impl FnMut(&UpgradeCounts) -> bool + Send,
    ) -> UpgradeCounts {
        let mut counts = self.counts.clone();
        let waiting = counts.wait_for(condition);
        if let Ok(reached) = tokio::time::timeout(DEADLINE, waiting).await {
            return *reached.expect("the server outlives the wait");
        }
        panic!(
            "the server did not come to what was waited for: {:#?}",
            self.counts()
        );
    }
}

type Counts = Arc<watch::Sender<UpgradeCounts>>;

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, counts: Counts) {
    loop {
        let (socket, _) = listener.accept().await.expect("a listener accepts");
        counts.send_modify(|counts| {
            counts.accepted += 1;
            counts.open += 1;
        });
        let (tls, counts) = (tls.clone(), Arc::clone(&counts));
        tokio::spawn(async move {
            let _open = Open(Arc::clone(&counts));
            match tls {
                None => serve(socket, &counts).await,
                Some(tls) => {
                    let Ok(stream) = tls.accept(socket).await else {
                        return;
                    };
                    if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
                        counts.send_modify(|counts| counts.http2 += 1);
                        return;
                    }
                    serve(stream, &counts).await;
                }
            }
        });
    }
}

/// Counts a connection as open until it is dropped.
struct Open(Counts);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.send_modify(|counts| counts.open -= 1);
    }
}

async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, counts: &Counts) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
    let protocol = head.lines().find_map(|line| line.strip_prefix("upgrade: "));
    let Some(protocol) = protocol else {
        let _ = stream
            .write_all(
                b"HTTP/1.1 426 Upgrade Required\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
            )
            .await;
        return;
    };
    if head.contains(" /refuse") {
        let refusal = b"HTTP/1.1 403 Forbidden\r\nconnection: close\r\ncontent-length: 2\r\n\r\nno";
        let _ = stream.write_all(refusal).await;
        return;
    }
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: {protocol}\r\n\r\n"
    );
    if stream.write_all(answer.as_bytes()).await.is_err() {
        return;
    }
    counts.send_modify(|counts| counts.upgraded += 1);
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
        counts.send_modify(|counts| counts.received += read as u64);
        if buffer[..read].ends_with(b"bye\n") || stream.write_all(&buffer[..read]).await.is_err() {
            return;
        }
        counts.send_modify(|counts| counts.sent += read as u64);
    }
    let _ = stream.shutdown().await;
}

//! Real HTTP servers on loopback: what the demo's jobs talk to.
//!
//! One speaks HTTP/1.1 without TLS, the other HTTP/2 and HTTP/1.1 as the TLS handshake settles it,
//! with a certificate that is made at the start. They count what they see, so that the demo can
//! hold its own numbers against those of the other side, and they have a few planned faults.
//!
//! | path | answers |
//! |---|---|
//! | `/item/{n}` | a small JSON object, after a few milliseconds |
//! | `/large` | 64 KiB |
//! | `/slow` | like an item, after 400 ms |
//! | `/echo` | the body of the request |
//! | `/unavailable-once/{name}` | 503 the first time, then like an item |
//! | `/hang-up-once/{name}` | closes the connection without an answer the first time, then like an item |
//! | `/websocket` | a WebSocket that sends back what comes |
//! | `/unanswered-close` | the same, and its server never answers a Close frame |

mod answers;
#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
mod certificate;
#[cfg(not(any(feature = "aws-lc-rs", feature = "ring")))]
#[path = "no_certificate.rs"]
mod certificate;
mod counts;
mod serve;
mod websocket;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinSet;

use certificate::Certificate;
use counts::Counts;
pub use counts::Seen;

/// The running servers. Dropping it ends them.
#[derive(Debug)]
pub struct Upstream {
    plain: SocketAddr,
    secure: SocketAddr,
    client: Arc<rustls::ClientConfig>,
    counts: Arc<Counts>,
    /// Aborts the servers when it is dropped.
    _servers: JoinSet<()>,
}

impl Upstream {
    /// Starts both servers on free ports of 127.0.0.1.
    ///
    /// # Errors
    ///
    /// When no port is to be had, or no certificate can be made.
    pub async fn start() -> io::Result<Self> {
        let plain = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let secure = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let certificate = Certificate::make().map_err(io::Error::other)?;
        let counts = Arc::new(Counts::default());
        let (plain_at, secure_at) = (plain.local_addr()?, secure.local_addr()?);
        let mut servers = JoinSet::new();
        servers.spawn(serve::plain(plain, Arc::clone(&counts)));
        servers.spawn(serve::secure(
            secure,
            certificate.server,
            Arc::clone(&counts),
        ));
        Ok(Self {
            plain: plain_at,
            secure: secure_at,
            client: certificate.client,
            counts,
            _servers: servers,
        })
    }

    /// The address of the server without TLS, without a slash at the end.
    pub fn plain_url(&self) -> String {
        format!("http://{}", self.plain)
    }

    /// The address of the server with TLS, without a slash at the end.
    pub fn secure_url(&self) -> String {
        format!("https://{}", self.secure)
    }

    /// A TLS configuration that trusts the server's certificate and nothing else.
    pub fn client_config(&self) -> Arc<rustls::ClientConfig> {
        Arc::clone(&self.client)
    }

    /// What the servers saw so far.
    pub fn seen(&self) -> Seen {
        self.counts.seen()
    }

    /// Waits until every connection has ended, at most this long, and returns how many are still
    /// open.
    pub async fn closed_within(&self, limit: Duration) -> u64 {
        let _ = tokio::time::timeout(limit, self.counts.all_closed()).await;
        self.counts.seen().open
    }
}

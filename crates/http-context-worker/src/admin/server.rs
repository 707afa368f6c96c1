//! Accepting connections: few at a time, none for long.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::AdminState;
use super::answers::answer;
use super::host::Hosts;

/// What a server allows its clients.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Connections at once. Where another one comes, the one that has been without a request for longest
    /// makes room for it: clients that only hold connections keep nobody out. A scraper and some browsers
    /// need far fewer.
    pub(super) connections: usize,
    /// How long a connection may be without the head of another request: while it is idle, sends a head
    /// byte by byte, or takes its answer byte by byte.
    pub(super) request_within: Duration,
    /// Bytes that the head of a request may have.
    pub(super) head: usize,
}

impl Limits {
    pub(super) const DEFAULT: Self = Self {
        connections: 64,
        request_within: Duration::from_secs(30),
        head: 16 * 1024,
    };
}

/// The pause after an accept that failed, for want of file descriptors for instance.
const PAUSE: Duration = Duration::from_millis(100);
/// How long a client may go on sending once it has its answer. A connection that is closed with bytes
/// unread is reset, and then the client may not get to see the answer.
const LINGER: Duration = Duration::from_secs(1);
/// What a client is told whose request did not come within the limit.
const TOO_SLOW: &[u8] =
    b"HTTP/1.1 408 Request Timeout\r\ncontent-type: text/plain; charset=utf-8\r\n\
    content-length: 28\r\nconnection: close\r\n\r\nthe request takes too long.\n";

/// A server of an [`Admin`](crate::Admin) endpoint. It ends when this is dropped, and with it every
/// connection.
#[derive(Debug)]
pub struct AdminServer {
    address: SocketAddr,
    server: AbortHandle,
}

impl AdminServer {
    pub(super) fn start(
        listener: TcpListener,
        state: Arc<AdminState>,
        limits: Limits,
    ) -> std::io::Result<Self> {
        Ok(Self {
            address: listener.local_addr()?,
            server: tokio::spawn(serve(listener, state, limits)).abort_handle(),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address of the page.
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }
}

impl Drop for AdminServer {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// A connection that is open.
struct Open {
    requested: Requested,
    task: AbortHandle,
}

/// When the last head of a request came, or the connection was made; and whether there was one.
#[derive(Clone)]
struct Requested(Arc<Mutex<(Instant, bool)>>);

impl Requested {
    fn begin() -> Self {
        Self(Arc::new(Mutex::new((Instant::now(), false))))
    }

    fn now(&self) {
        *self.0.lock() = (Instant::now(), true);
    }

    fn at(&self) -> Instant {
        self.0.lock().0
    }

    fn ever(&self) -> bool {
        self.0.lock().1
    }
}

/// Serves until it is dropped, and with it every connection.
async fn serve(listener: TcpListener, state: Arc<AdminState>, limits: Limits) {
    let (mut tasks, mut open) = (JoinSet::new(), Vec::<Open>::new());
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            sleep(PAUSE).await;
            continue;
        };
        // A connection that is gone already has none.
        let Ok(local) = stream.local_addr() else {
            continue;
        };
        while tasks.try_join_next().is_some() {}
        open.retain(|one| !one.task.is_finished());
        if open.len() >= limits.connections {
            let oldest = (0..open.len()).min_by_key(|index| open[*index].requested.at());
            if let Some(oldest) = oldest {
                open.swap_remove(oldest).task.abort();
            }
        }
        let requested = Requested::begin();
        let (state, hosts) = (Arc::clone(&state), Hosts::at(local.ip()));
        let task = tasks.spawn(talk(stream, hosts, state, requested.clone(), limits));
        open.push(Open { requested, task });
    }
}

/// One connection to its end.
async fn talk(
    stream: TcpStream,
    hosts: Hosts,
    state: Arc<AdminState>,
    requested: Requested,
    limits: Limits,
) {
    let service = service_fn(|request| {
        requested.now();
        let (hosts, state) = (&hosts, &state);
        async move { Ok::<_, Infallible>(answer(request, hosts, state).await) }.boxed()
    });
    let mut connection = http1::Builder::new()
        .max_buf_size(limits.head)
        .serve_connection(TokioIo::new(stream), service);
    let too_slow = async {
        loop {
            let until = requested.at() + limits.request_within;
            if until <= Instant::now() {
                return;
            }
            sleep_until(until).await;
        }
    };
    let is_too_slow = tokio::select! {
        // An error here is a client that went away, or sent what is no request and was told so.
        _ = std::future::poll_fn(|cx| connection.poll_without_shutdown(cx)) => false,
        () = too_slow => true,
    };
    let mut stream = connection.into_parts().io.into_inner();
    let end = async {
        // Later it could stand in the middle of an answer that is taken too slowly.
        if is_too_slow && !requested.ever() {
            stream.write_all(TOO_SLOW).await?;
        }
        stream.shutdown().await?;
        let mut rest = [0; 1024];
        while stream.read(&mut rest).await? > 0 {}
        std::io::Result::Ok(())
    };
    let _ = timeout(LINGER, end).await;
}

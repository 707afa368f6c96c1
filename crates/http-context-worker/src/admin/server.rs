//! Accepting connections, few at a time.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::sleep;

use super::AdminState;
use super::answers::answer;
use super::host::Hosts;

/// Connections at once; more wait. A scraper and some browsers need far fewer.
const CONNECTIONS: usize = 64;
/// How long the head of a request may take, also on a connection that is kept.
const HEAD_WITHIN: Duration = Duration::from_secs(30);
/// The pause after an accept that failed, for want of file descriptors for instance.
const PAUSE: Duration = Duration::from_millis(100);

/// A server of an [`Admin`](crate::Admin) endpoint. It ends when this is dropped, and with it every
/// connection.
#[derive(Debug)]
pub struct AdminServer {
    address: SocketAddr,
    server: AbortHandle,
}

impl AdminServer {
    pub(super) fn start(listener: TcpListener, state: Arc<AdminState>) -> std::io::Result<Self> {
        Ok(Self {
            address: listener.local_addr()?,
            server: tokio::spawn(serve(listener, state)).abort_handle(),
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

/// Serves until it is dropped, and with it every connection.
async fn serve(listener: TcpListener, state: Arc<AdminState>) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else {
            return;
        };
        while connections.try_join_next().is_some() {}
        let Ok((stream, _)) = listener.accept().await else {
            sleep(PAUSE).await;
            continue;
        };
        // A connection that is gone already has none.
        let Ok(local) = stream.local_addr() else {
            continue;
        };
        let (state, hosts) = (Arc::clone(&state), Hosts::at(local.ip()));
        connections.spawn(async move {
            let service = service_fn(|request| {
                let response = answer(&request, &hosts, &state);
                async move { Ok::<_, Infallible>(response) }
            });
            // An error here is a client that went away.
            let _ = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_WITHIN)
                .serve_connection(TokioIo::new(stream), service)
                .await;
            drop(permit);
        });
    }
}

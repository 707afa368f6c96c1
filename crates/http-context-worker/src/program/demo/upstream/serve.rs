//! Accepting connections and serving them.

use std::sync::Arc;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::answers::answer;
use super::counts::{Counts, OpenConnection};

/// Serves without TLS, until it is dropped.
pub(super) async fn plain(listener: TcpListener, counts: Arc<Counts>) {
    let mut connections = JoinSet::new();
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            let open = OpenConnection::accepted(&counts);
            let _ = stream.set_nodelay(true);
            connections.spawn(serve(Box::new(stream), open, Arc::clone(&counts)));
        }
        while connections.try_join_next().is_some() {}
    }
}

/// Serves with TLS, until it is dropped.
pub(super) async fn secure(
    listener: TcpListener,
    config: Arc<rustls::ServerConfig>,
    counts: Arc<Counts>,
) {
    let acceptor = TlsAcceptor::from(config);
    let mut connections = JoinSet::new();
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            let open = OpenConnection::accepted(&counts);
            let _ = stream.set_nodelay(true);
            let (acceptor, counts) = (acceptor.clone(), Arc::clone(&counts));
            connections.spawn(async move {
                // A client that turns away in the handshake is its own affair.
                if let Ok(stream) = acceptor.accept(stream).await {
                    serve(Box::new(stream), open, counts).await;
                }
            });
        }
        while connections.try_join_next().is_some() {}
    }
}

/// With TLS or without, so that one server of HTTP is compiled for both.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

async fn serve(stream: Box<dyn Stream>, _open: OpenConnection, counts: Arc<Counts>) {
    let opening = Arc::new(Mutex::new(None));
    let service = {
        let (counts, opening) = (Arc::clone(&counts), Arc::clone(&opening));
        service_fn(move |request| answer(request, Arc::clone(&counts), Arc::clone(&opening)))
    };
    // An error here is a connection that broke, or a fault that was planned.
    let _ = auto::Builder::new(TokioExecutor::new())
        .serve_connection_with_upgrades(TokioIo::new(stream), service)
        .await;
    let opening = opening.lock().take();
    if let Some(websocket) = opening {
        websocket.serve(&counts).await;
    }
}

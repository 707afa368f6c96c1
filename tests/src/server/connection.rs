//! One accepted connection, from accept to close.

use std::{
    net::SocketAddr,
    pin::pin,
    sync::{Arc, atomic::Ordering},
};

use http::{Method, header};
use http_body::Body as _;
use hyper::{Request, Response, body::Incoming, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::mpsc,
    time::Instant,
};

use super::{
    Shared,
    body::{BoxError, CountedBody, ResponseBody, empty_body},
    counts::{ClosedBy, Seen, Served},
    end::{End, Watched},
    exchange::{Carried, Exchange},
    registry::Command,
    routes,
};

/// Serves `stream` until either side closes it, or a command says so.
pub(super) async fn serve(stream: TcpStream, peer: SocketAddr, shared: Arc<Shared>) {
    // Declared before the socket moves into anything, so it is dropped after
    // the socket: who waits for "closed" finds the descriptor gone.
    let open = OpenConnection::count(Arc::clone(&shared), peer);
    let mut commands = shared.registry.enter(open.number, &open.carried);
    let Some(tls) = shared.tls.clone() else {
        return serve_http(stream, shared, &open, commands).await;
    };
    let handshake = pin!(tls.accept(stream));
    let accepted = tokio::select! {
        accepted = handshake => accepted,
        // Nothing is in flight, so any command means to close.
        _ = commands.recv() => return open.ended_by(ClosedBy::Server),
    };
    if let Ok(stream) = accepted {
        serve_http(stream, shared, &open, commands).await;
    } else {
        open.ended_by(ClosedBy::Error);
        shared.ledger.record(|counts| counts.handshakes_failed += 1);
    }
}

async fn serve_http<S>(
    stream: S,
    shared: Arc<Shared>,
    open: &OpenConnection,
    mut commands: mpsc::UnboundedReceiver<Command>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (number, peer, end) = (open.number, open.peer, Arc::clone(&open.end));
    let service = service_fn(|request| {
        let exchange = Exchange::start(Arc::clone(&shared.ledger), Arc::clone(&open.carried));
        if open.has_carried_enough() {
            shared.registry.order(number, Command::Drain);
        }
        answer(request, exchange, Arc::clone(&shared), number, peer)
    });
    let mut builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
    builder.http2().max_concurrent_streams(shared.max_streams);
    let builder = shared.protocol.restrict(builder);
    let io = TokioIo::new(Watched::new(stream, end));
    let mut connection = pin!(builder.serve_connection(io, service));
    loop {
        let command = tokio::select! {
            result = connection.as_mut() => return open.ended(result.is_ok()),
            command = commands.recv() => command,
        };
        open.ended_by(ClosedBy::Server);
        match command {
            Some(Command::Drain) => connection.as_mut().graceful_shutdown(),
            Some(Command::Abort) | None => return,
        }
    }
}

/// Answers one request; the exchange goes on in the response's body.
async fn answer(
    request: Request<Incoming>,
    mut exchange: Exchange,
    shared: Arc<Shared>,
    connection: u64,
    peer: SocketAddr,
) -> Result<Response<CountedBody>, BoxError> {
    shared.ledger.remember(Seen {
        connection,
        peer,
        method: request.method().clone(),
        uri: request.uri().clone(),
        version: request.version(),
        headers: request.headers().clone(),
    });
    if let Some(tally) = &shared.tally {
        exchange.numbered(tally, request.headers());
    }
    let is_head = request.method() == Method::HEAD;
    let mut response = routes::answer(request, &shared).await?;
    if is_head {
        response = without_body(response);
    }
    Ok(response.map(|body| CountedBody::new(body, exchange)))
}

/// The answer to a `HEAD`: the length that the body would have, and no body.
fn without_body(mut response: Response<ResponseBody>) -> Response<ResponseBody> {
    if let Some(length) = response.body().size_hint().exact() {
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_LENGTH, length.into());
    }
    response.map(|_| empty_body())
}

/// Counts a connection as open while it exists.
struct OpenConnection {
    shared: Arc<Shared>,
    number: u64,
    peer: SocketAddr,
    accepted: Instant,
    carried: Arc<Carried>,
    end: Arc<End>,
}

impl OpenConnection {
    fn count(shared: Arc<Shared>, peer: SocketAddr) -> Self {
        let mut number = 0;
        shared.ledger.record(|counts| {
            counts.accepted += 1;
            number = counts.accepted;
        });
        Self {
            number,
            shared,
            peer,
            accepted: Instant::now(),
            carried: Arc::default(),
            end: Arc::default(),
        }
    }

    /// Whether it has carried as many requests as one may.
    fn has_carried_enough(&self) -> bool {
        let requests = self.carried.requests.load(Ordering::Relaxed);
        self.shared.max_requests.is_some_and(|max| requests >= max)
    }

    fn ended_by(&self, who: ClosedBy) {
        self.end.set(who);
    }

    /// The protocol is done with the connection, by an agreed end or with an
    /// error.
    fn ended(&self, agreed: bool) {
        // Without a command, an HTTP/2 server ends a connection for one reason:
        // the client sent a GOAWAY. It may then close before the client does.
        let by_goaway = agreed && self.end.is_http2();
        self.ended_by(if by_goaway {
            ClosedBy::Client
        } else {
            ClosedBy::Server
        });
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.end.set(ClosedBy::Server);
        let (end, closed) = self.end.get().expect("it was just set");
        self.shared.registry.leave(self.number);
        self.shared.ledger.remember_served(Served {
            connection: self.number,
            peer: self.peer,
            accepted: self.accepted,
            closed_by: end,
            closed,
            requests: self.carried.requests.load(Ordering::Relaxed),
            heads: self.carried.heads.load(Ordering::Relaxed),
        });
        self.shared.ledger.record(|counts| match end {
            ClosedBy::Client => counts.closed_by_client += 1,
            ClosedBy::Server => counts.closed_by_server += 1,
            ClosedBy::Error => counts.closed_by_error += 1,
        });
    }
}

//! A server on loopback that serves a router and counts.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::mpsc;
use std::task::{Context, Poll, ready};
use std::thread;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{Method, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use http_body::{Body as _, Frame, SizeHint};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

use crate::counts::Counts;
use crate::io::{CountedIo, Phase};

/// After this long, a wait is a hang, and becomes a panic.
const DEADLINE: Duration = Duration::from_secs(20);

/// A server on loopback, for HTTP/1.1 and HTTP/2 in clear. It has a thread and a runtime of its own, and
/// closes its sockets when it is dropped.
#[derive(Debug)]
pub struct Server {
    addr: SocketAddr,
    counts: watch::Sender<Counts>,
    /// Counts the times that all connections were closed.
    closes: watch::Sender<u64>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Server {
    /// Serves this router. It listens when this returns.
    ///
    /// # Panics
    ///
    /// When no port of loopback can be had.
    pub fn start(router: Router) -> Self {
        let counts = watch::Sender::new(Counts::default());
        let (ready, is_ready) = mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let closes = watch::Sender::new(0);
        let serving = serve(router, counts.clone(), closes.subscribe(), ready);
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a current-thread runtime can be built");
            runtime.block_on(async {
                tokio::select! {
                    () = serving => {}
                    _ = stopped => {}
                }
            });
        });
        Self {
            addr: is_ready.recv().expect("the server has started"),
            counts,
            closes,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// The URL of a path, which begins with a slash or is empty.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    /// What it has counted so far.
    pub fn counts(&self) -> Counts {
        *self.counts.borrow()
    }

    /// Closes all connections that are open now, whatever goes over them, upgraded ones aside.
    pub async fn close_connections(&self) {
        self.closes.send_modify(|closes| *closes += 1);
        self.wait_until(|counts| counts.open == 0).await;
    }

    /// Waits until `is_it` says so of the counts, and gives them.
    ///
    /// # Panics
    ///
    /// When that takes 20 seconds.
    pub async fn wait_until(&self, mut is_it: impl FnMut(&Counts) -> bool) -> Counts {
        let mut counts = self.counts.subscribe();
        let found = tokio::time::timeout(DEADLINE, counts.wait_for(|counts| is_it(counts))).await;
        let found = found.unwrap_or_else(|_| panic!("waited in vain: {:?}", self.counts()));
        *found.expect("the server has a sender of its counts")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || thread::panicking(), "the server panicked");
        }
    }
}

async fn serve(
    router: Router,
    counts: watch::Sender<Counts>,
    mut closes: watch::Receiver<u64>,
    ready: mpsc::Sender<SocketAddr>,
) {
    let listener = TcpListener::bind("127.0.0.1:0");
    let listener = listener.await.expect("a port of loopback is free");
    let addr = listener.local_addr().expect("a listener has an address");
    ready.send(addr).expect("whoever starts the server waits");
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = tokio::select! {
            accepted = listener.accept() => accepted.expect("loopback can be accepted"),
            Ok(()) = closes.changed() => {
                connections.shutdown().await;
                continue;
            }
        };
        let _ = stream.set_nodelay(true);
        let phase = Phase::default();
        let io = CountedIo::new(stream, phase.clone(), counts.clone());
        let counts = counts.clone();
        let count = move |request, next| count(request, next, counts.clone(), phase.clone());
        let service = TowerToHyperService::new(router.clone().layer(from_fn(count)));
        connections.spawn(async move {
            let builder = Builder::new(TokioExecutor::new());
            // How a connection ends is seen in the counts.
            let _ = builder
                .serve_connection_with_upgrades(TokioIo::new(io), service)
                .await;
        });
        while connections.try_join_next().is_some() {}
    }
}

/// Counts a request, its body, and that of its response.
async fn count(
    request: Request,
    next: Next,
    counts: watch::Sender<Counts>,
    phase: Phase,
) -> Response {
    let mut in_flight = InFlight::begin(counts.clone());
    let is_head = request.method() == Method::HEAD;
    let request = request.map(|body| {
        Body::new(CountedBody {
            body,
            count: |counts, bytes| counts.request_bytes += bytes,
            counts: counts.clone(),
            in_flight: None,
        })
    });
    let response = next.run(request).await;
    in_flight.is_complete = is_head || response.body().is_end_stream();
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        phase.upgrade();
    }
    response.map(|body| {
        Body::new(CountedBody {
            body,
            count: |counts, bytes| counts.response_bytes += bytes,
            counts,
            in_flight: Some(in_flight),
        })
    })
}

/// A request until its response has ended, or was given up.
struct InFlight {
    counts: watch::Sender<Counts>,
    is_complete: bool,
}

impl InFlight {
    fn begin(counts: watch::Sender<Counts>) -> Self {
        counts.send_modify(|counts| {
            counts.requests += 1;
            counts.in_flight += 1;
        });
        Self {
            counts,
            is_complete: false,
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let completed = u64::from(self.is_complete);
        self.counts.send_modify(|counts| {
            counts.in_flight -= 1;
            counts.completed += completed;
        });
    }
}

struct CountedBody {
    body: Body,
    count: fn(&mut Counts, u64),
    counts: watch::Sender<Counts>,
    in_flight: Option<InFlight>,
}

impl http_body::Body for CountedBody {
    type Data = axum::body::Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        let has_ended = match &frame {
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    let (count, bytes) = (self.count, data.len() as u64);
                    self.counts.send_modify(|counts| count(counts, bytes));
                }
                // Nothing comes after trailers.
                frame.is_trailers() || self.body.is_end_stream()
            }
            Some(Err(_)) => false,
            None => true,
        };
        if let Some(in_flight) = &mut self.in_flight {
            in_flight.is_complete |= has_ended;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

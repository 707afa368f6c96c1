//! The admin endpoint: what people and machines look at while the worker runs.
//!
//! | path | what |
//! |---|---|
//! | `/` | a live page for people, in one file, that polls the two below |
//! | `/metrics` | Prometheus' text format |
//! | `/debug/contexts` | live contexts, open upgraded connections, recent leaks and nested opens, and the queue, as JSON |
//! | `/livez` | `200` while the process answers |
//! | `/readyz` | `200` from the moment the queue is open until the way out begins, otherwise `503` |
//!
//! It reads only, and it has no password: whoever reaches the address sees call sites in the code
//! and the names of jobs. So it is on loopback unless another address is given, and it answers only
//! requests that are for loopback, for that address, or for a host that it is told of, so that no web page
//! reads it ([`host`]).

mod answers;
mod contexts;
mod host;
mod server;
mod service;
#[cfg(all(test, feature = "external-tools"))]
mod shown;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use tokio::net::TcpListener;

use crate::failure::Failure;
use crate::jobs::RunView;

pub use self::server::AdminServer;
pub use self::service::AdminService;

/// The port that exporters of OpenTelemetry metrics have for Prometheus.
pub(crate) const DEFAULT_ADDRESS: &str = "127.0.0.1:9464";

/// What people and machines look at while a program runs: metrics, probes, live contexts and leaks, and a
/// page that shows them.
///
/// | path | what |
/// |---|---|
/// | `/` | a live page |
/// | `/metrics` | Prometheus' text format |
/// | `/debug/contexts` | live contexts, upgraded connections, recent leaks and nested opens, jobs, as JSON |
/// | `/livez` | `200` while the process answers |
/// | `/readyz` | `200` while the program is ready, otherwise `503` |
///
/// [`serve`](Self::serve) gives it a server of its own; [`service`](Self::service) is a
/// [`tower`](https://docs.rs/tower) service that an axum router nests. It needs no queue: a run is shown on
/// it by [`Plan::admin`](crate::Plan::admin). Clones are of the same endpoint.
///
/// # Examples
///
/// ```
/// use http_context_worker::{Admin, Telemetry};
///
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// let telemetry = Telemetry::install("shop")?;
/// let admin = Admin::new("shop", telemetry.metrics());
/// let server = admin.serve("127.0.0.1:0".parse()?).await?;
/// println!("admin page at {}", server.url());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Admin(Arc<AdminState>);

/// What it shows.
struct AdminState {
    /// Of the program.
    name: String,
    /// Renders the metrics.
    metrics: Box<dyn Fn() -> String + Send + Sync>,
    is_ready: AtomicBool,
    /// There once a queue is open.
    run: Mutex<Option<RunView>>,
}

impl Admin {
    /// The endpoint of a program with this name. `metrics` renders what `/metrics` answers, as that of
    /// [`Telemetry::metrics`](crate::Telemetry::metrics) does. The program is ready.
    pub fn new(
        name: impl Into<String>,
        metrics: impl Fn() -> String + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(AdminState {
            name: name.into(),
            metrics: Box::new(metrics),
            is_ready: AtomicBool::new(true),
            run: Mutex::default(),
        }))
    }

    /// Whether `/readyz` says that the program is ready. While a run is shown that decides as well: it
    /// is not ready any more once its way out has begun.
    pub fn set_ready(&self, is_ready: bool) {
        self.0.is_ready.store(is_ready, Ordering::Relaxed);
    }

    /// Serves it at `address` until what is returned is dropped; port 0 takes a free port. At most 64
    /// connections at once, over HTTP/1.1; heads of requests may take 30 s. Must be called in a runtime.
    ///
    /// It answers requests for localhost and for the address that they came to, and no others: a web page
    /// whose name leads here (DNS rebinding) reads nothing.
    ///
    /// # Errors
    ///
    /// [`Failure::Admin`] when the operating system does not let it.
    pub async fn serve(&self, address: SocketAddr) -> Result<AdminServer, Failure> {
        let refused = |source| Failure::Admin { address, source };
        let listener = TcpListener::bind(address).await.map_err(refused)?;
        AdminServer::start(listener, Arc::clone(&self.0)).map_err(refused)
    }

    /// The endpoint as a service, for a server that the program has already.
    pub fn service(&self) -> AdminService {
        AdminService::new(Arc::clone(&self.0))
    }

    /// A queue is open, and a run begins.
    pub(crate) fn follow(&self, run: RunView) {
        *self.0.run.lock() = Some(run);
        self.set_ready(true);
    }
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admin")
            .field("name", &self.0.name)
            .finish_non_exhaustive()
    }
}

//! The admin endpoint: what people and machines look at while the worker runs.
//!
//! It is an HTTP server by the side of the work, and never holds it up: nobody gets more than a few
//! connections, a few seconds and a few kilobytes of it ([`server`]). What there is to ask for stands in one
//! list ([`routes`]).
//!
//! It reads, and without a token it does nothing else; who may read is whoever reaches the address, and
//! sees call sites in the code and the names of jobs. So it is on loopback unless another address is given,
//! and it answers only requests that are for loopback, for that address, or for a host that it is told of,
//! so that no web page reads it ([`host`]). With a token ([`token`]) jobs can be cancelled and retried
//! ([`commands`]).

mod answers;
mod commands;
mod contexts;
mod host;
#[cfg(test)]
mod hostile;
mod latency;
mod routes;
mod server;
mod service;
#[cfg(all(test, feature = "external-tools"))]
mod shown;
mod token;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use tokio::net::TcpListener;

use crate::failure::Failure;
use crate::jobs::RunView;

use self::latency::Latency;
use self::routes::Route;
use self::server::Limits;

pub use self::server::AdminServer;
pub use self::service::AdminService;
pub use self::token::{AdminToken, BadAdminToken};

/// The port that exporters of OpenTelemetry metrics have for Prometheus.
pub(crate) const DEFAULT_ADDRESS: &str = "127.0.0.1:9464";

/// What people and machines look at while a program runs: metrics, probes, live contexts and leaks, and a
/// page that shows them.
///
/// | path | method | what |
/// |---|---|---|
/// | `/` | `GET` | a live page |
/// | `/metrics` | `GET` | Prometheus' text format |
/// | `/debug/contexts` | `GET` | live contexts, upgraded connections, recent leaks and nested opens, jobs, as JSON |
/// | `/debug/latency` | `GET` | quantiles of requests and of jobs for each 10 s of the last hour, as JSON |
/// | `/livez` | `GET` | `200` while the process answers |
/// | `/readyz` | `GET` | `200` while the program is ready, otherwise `503` |
/// | `/jobs/cancel` | `POST` | ends a job |
/// | `/jobs/retry` | `POST` | runs a job that has failed |
///
/// [`routes`](Self::routes) is that list for a program. `HEAD` goes where `GET` does. What is asked in
/// another way is answered with a sentence: `404` for another path, `405` for another method, `421` for
/// another host.
///
/// # Cancelling and retrying jobs
///
/// Off unless the endpoint has a [`token`](Self::token); then a request has it as `authorization: Bearer
/// TOKEN`, and as its body, of `content-type: application/json`, which job is meant: `{"id": "a1"}`, or
/// `{"number": 17}` as `/debug/contexts` numbers it. No cookie and no form can do that, so no web page can
/// behind somebody's back. The live page asks for the token, and forgets it when it is closed.
///
/// A job is **cancelled** wherever it is. A run of it is cut off, its context closed with all that is under
/// way in it, also in another process of a shared queue; one that waits is handed out before the others and
/// not run. Its result line is that of a job that failed, with the error `cancelled at the admin endpoint`,
/// and it is not tried again.
///
/// What **retrying** does depends on the job, since a result stands once for each id:
///
/// - A job that waits for its next attempt has it as soon as there is a place. So has one that waits for
///   its first.
/// - A job that failed for good is queued as another job, with the id `a1~retry1`; when that fails, as
///   `a1~retry2`. The result of `a1` stays. Asked twice, it is queued once. What is kept for that is the last
///   50 failures of this process, and of jobs up to 64 KiB.
///
/// `202` says that it was asked for, and in JSON what that means; `400`, `408`, `413` and `415` are for
/// bodies that are none, that come too slowly, that are too large (4 KiB) or not JSON; `401` for a token
/// that is another one; `403` where there is none; `404` for a job that is not there; `409` for one that
/// runs already, was retried already, or is not kept; `503` while the worker is on its way out or its queue
/// does not answer, and `504` when the queue takes more than 10 s.
///
/// # Servers
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
    /// By which jobs may be cancelled and retried; without one they may not.
    token: Mutex<Option<AdminToken>>,
    latency: Latency,
    /// Whether somebody looks at the latency from time to time.
    is_looked_at: AtomicBool,
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
            token: Mutex::default(),
            latency: Latency::default(),
            is_looked_at: AtomicBool::new(false),
            run: Mutex::default(),
        }))
    }

    /// Lets whoever has this token cancel and retry jobs. Without one nobody can.
    #[must_use]
    pub fn token(self, token: AdminToken) -> Self {
        *self.0.token.lock() = Some(token);
        if let Some(run) = &*self.0.run.lock() {
            run.failures.keep_jobs();
        }
        self
    }

    /// Each path that is answered, with the methods that it takes, as the header `allow` lists them.
    pub fn routes() -> impl Iterator<Item = (&'static str, &'static str)> {
        Route::ALL
            .iter()
            .map(|route| (route.path(), route.methods()))
    }

    /// Whether `/readyz` says that the program is ready. While a run is shown that decides as well: it
    /// is not ready any more once its way out has begun.
    pub fn set_ready(&self, is_ready: bool) {
        self.0.is_ready.store(is_ready, Ordering::Relaxed);
    }

    /// Serves it at `address` until what is returned is dropped; port 0 takes a free port. Over HTTP/1.1, at
    /// most 64 connections at once: where another one comes, the one that has been without a request for
    /// longest is closed. A connection is closed 30 s after its last request began, or after it was made. A
    /// head has at most 16 KiB. Must be called in a runtime.
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
        self.0.look_at_latency();
        AdminServer::start(listener, Arc::clone(&self.0), Limits::DEFAULT).map_err(refused)
    }

    /// The endpoint as a service, for a server that the program has already.
    pub fn service(&self) -> AdminService {
        AdminService::new(Arc::clone(&self.0))
    }

    /// A queue is open, and a run begins.
    pub(crate) fn follow(&self, run: RunView) {
        if self.0.token.lock().is_some() {
            run.failures.keep_jobs();
        }
        *self.0.run.lock() = Some(run);
        self.set_ready(true);
    }
}

impl AdminState {
    /// Has the latency looked at from now on, in a runtime, for as long as the endpoint is there.
    fn look_at_latency(self: &Arc<Self>) {
        if self.is_looked_at.load(Ordering::Relaxed) {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        if self.is_looked_at.swap(true, Ordering::Relaxed) {
            return;
        }
        let state = Arc::downgrade(self);
        runtime.spawn(async move {
            let mut tick = tokio::time::interval(latency::EVERY);
            tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                tick.tick().await;
                let Some(state) = state.upgrade() else {
                    return;
                };
                state.latency.look(&(state.metrics)());
            }
        });
    }
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admin")
            .field("name", &self.0.name)
            .finish_non_exhaustive()
    }
}

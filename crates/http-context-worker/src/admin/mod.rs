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
//! requests that are for loopback or for that address, so that no web page reads it ([`host`]).

mod answers;
mod contexts;
mod host;
mod server;
#[cfg(all(test, feature = "external-tools"))]
mod shown;

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use crate::failure::Failure;
use crate::run::RunView;

/// The port that exporters of OpenTelemetry metrics have for Prometheus.
pub(crate) const DEFAULT_ADDRESS: &str = "127.0.0.1:9464";

/// The endpoint. It ends when this is dropped.
pub(crate) struct Admin {
    address: SocketAddr,
    state: Arc<AdminState>,
    server: AbortHandle,
}

/// What it shows.
struct AdminState {
    /// Of the program.
    name: String,
    prometheus: PrometheusHandle,
    /// There once the queue is open.
    run: OnceLock<RunView>,
}

impl Admin {
    /// Listens at `address`; port 0 takes a free port.
    ///
    /// # Errors
    ///
    /// [`Failure::Admin`] when the operating system does not let it.
    pub(crate) async fn start(
        address: SocketAddr,
        name: &str,
        prometheus: PrometheusHandle,
    ) -> Result<Self, Failure> {
        let refused = |source| Failure::Admin { address, source };
        let listener = TcpListener::bind(address).await.map_err(refused)?;
        let bound = listener.local_addr().map_err(refused)?;
        let state = Arc::new(AdminState {
            name: name.to_owned(),
            prometheus,
            run: OnceLock::new(),
        });
        let server = tokio::spawn(server::serve(listener, Arc::clone(&state))).abort_handle();
        Ok(Self {
            address: bound,
            state,
            server,
        })
    }

    /// The address of the page.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// The queue is open, and the run begins.
    pub(crate) fn follow(&self, run: RunView) {
        // A run begins once: there is nothing to replace.
        let _ = self.state.run.set(run);
    }
}

impl Drop for Admin {
    fn drop(&mut self) {
        self.server.abort();
    }
}

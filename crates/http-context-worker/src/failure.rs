//! Why a run could not be made or finished. Each reads as one sentence on standard error, with exit
//! code 2.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::input::InputError;
use crate::queue::QueueError;
use crate::queue::StateError;
use crate::results::output::OutputError;

/// What stopped a run, other than its jobs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The worker was put together in a way that cannot be.
    #[error("{0}")]
    Worker(String),
    /// The jobs cannot be read.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The results or the rejects cannot be written.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// The function that results go to failed.
    #[error("the results were not taken")]
    Results(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The state directory cannot be used.
    #[error(transparent)]
    State(#[from] StateError),
    /// The queue cannot be read, or failed.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// A state that is not finished was given another results file.
    #[error(
        "the state {} is not finished and writes its results to {before}, not to {now}: give that --results \
         again, or begin with a new --state",
        state.display()
    )]
    OtherResults {
        /// The state directory.
        state: PathBuf,
        /// Where its results went so far.
        before: String,
        /// Where they were to go now.
        now: String,
    },
    /// The last results could not be settled before the program had to end.
    #[error(
        "the last results could not be settled in time: their jobs are in the queue still, and run again"
    )]
    Unsettled,
    /// The metrics file cannot be written.
    #[error("cannot write the metrics to {}: {source}", path.display())]
    Metrics {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The admin endpoint cannot listen.
    #[error("the admin endpoint cannot listen at {address}: {source}")]
    Admin {
        /// Where it was to listen.
        address: SocketAddr,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// What is to be the token of the admin endpoint cannot be one.
    #[error("{0}")]
    AdminToken(String),
    /// The process has a metrics recorder or an observer already.
    #[error("cannot install the instrumentation: {0}")]
    Telemetry(&'static str),
    /// The exporters cannot be made of what the `OTEL_*` variables say.
    #[error("cannot export telemetry: {0}")]
    Otlp(String),
    /// The operating system gave no thread.
    #[error("cannot start a thread to read the jobs: {0}")]
    Thread(#[source] std::io::Error),
    /// The operating system gave no signal handler.
    #[error("cannot listen for signals: {0}")]
    Signals(#[source] std::io::Error),
    /// The demo's servers could not be started.
    #[error("cannot start the demo's servers: {0}")]
    Upstream(#[source] std::io::Error),
    /// A task of the program ended in a way that it cannot.
    #[error("the {0} ended early: this is a fault of the program")]
    Fault(&'static str),
}

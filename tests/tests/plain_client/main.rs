//! The plain client of a session, `HttpSession::reqwest_client()`: what it has of its session, what is
//! seen of it, and how it ends.
//!
//! The server counts what came, the kernel says which sockets are open, and the holder of a client or
//! of a body says what it reads.

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, and says where"
)]

mod kept;
mod seen;

use std::sync::Arc;
use std::time::Duration;

use http_context::testing::Recorder;
use http_context::{
    ContextBuilder, ExitReport, HttpSession, LeakPolicy, SessionClosed, Tls, builder, http_session,
};
use http_context_tests::{InvariantObserver, Server, tls};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Over what a client and a server speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wire {
    Http1,
    Tls1,
    Tls2,
}

impl Wire {
    const ALL: [Self; 3] = [Self::Http1, Self::Tls1, Self::Tls2];

    fn server(self) -> Server {
        match self {
            Self::Http1 => Server::start(),
            Self::Tls1 => Server::builder().http1().tls().start(),
            Self::Tls2 => Server::builder().tls().start(),
        }
    }
}

/// A context that trusts the servers, whose facts are checked.
fn checked() -> (Arc<InvariantObserver>, ContextBuilder) {
    let invariants = Arc::new(InvariantObserver::new());
    (Arc::clone(&invariants), context().observer(invariants))
}

/// A context that trusts the servers, whose facts are recorded.
fn recorded() -> (Arc<Recorder>, ContextBuilder) {
    let recorder = Arc::new(Recorder::new());
    (Arc::clone(&recorder), context().observer(recorder))
}

fn context() -> ContextBuilder {
    builder()
        .leaks(LeakPolicy::Count)
        .tls(Tls::ClientBuilder)
        .configure(tls::trusting)
}

/// Runs work in a context, and gives what it returned, and the report.
async fn run<T>(
    context: &ContextBuilder,
    work: impl AsyncFnOnce(HttpSession) -> Result<T, BoxError>,
) -> (T, ExitReport) {
    let context = context.clone();
    let work = context.open(async { work(http_session()?).await });
    let (result, report) = work.with_report().await;
    (result.unwrap(), report.unwrap())
}

/// Whether an error leads to [`SessionClosed`].
fn is_session_closed(error: &reqwest::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        if error.is::<SessionClosed>() {
            return true;
        }
        source = error.source();
    }
    false
}

/// What an exit takes at the most that has nothing to wait for.
const AT_ONCE: Duration = Duration::from_millis(50);

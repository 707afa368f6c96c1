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

mod ends;
mod exported;
mod inner;
mod kept;
mod options;
mod pooled;
mod redirects;
#[path = "../truth/rig.rs"]
#[allow(dead_code, reason = "the tests that it was made for use all of it")]
mod rig;
mod seen;
mod storms;

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use http_context::testing::Recorder;
use http_context::{
    ContextBuilder, ExitReport, HttpSession, LeakKind, LeakPolicy, SessionClosed, builder,
    http_session,
};
use http_context_tests::{InvariantObserver, Server};

use crate::rig::Wire;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

fn server(wire: Wire) -> Server {
    wire.server(Server::builder())
}

/// A context that trusts the servers.
fn context(wire: Wire) -> ContextBuilder {
    let builder = builder()
        .leaks(LeakPolicy::Count)
        .drain_timeout(Duration::from_secs(2));
    wire.context(builder)
}

/// One whose facts are checked.
fn checked(wire: Wire) -> (Arc<InvariantObserver>, ContextBuilder) {
    let invariants = Arc::new(InvariantObserver::new());
    (Arc::clone(&invariants), context(wire).observer(invariants))
}

/// One whose facts are recorded.
fn recorded(wire: Wire) -> (Arc<Recorder>, ContextBuilder) {
    let recorder = Arc::new(Recorder::new());
    (Arc::clone(&recorder), context(wire).observer(recorder))
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

async fn get(client: &reqwest::Client, url: String) -> reqwest::Result<String> {
    client.get(url).send().await?.text().await
}

/// The kinds of the leaks, in order, and how many of each.
fn kinds(report: &ExitReport) -> Vec<(LeakKind, usize)> {
    let leaks = report.leaks.iter();
    let mut kinds: Vec<_> = leaks.map(|leak| (leak.kind, leak.count)).collect();
    kinds.sort_unstable();
    kinds
}

/// Whether an error leads to [`SessionClosed`].
fn is_session_closed(error: &reqwest::Error) -> bool {
    find::<SessionClosed>(error).is_some()
}

/// The first of this type among the sources of an error.
fn find<E: StdError + 'static>(error: &reqwest::Error) -> Option<&E> {
    sources(error).find_map(|source| source.downcast_ref())
}

fn sources(error: &reqwest::Error) -> impl Iterator<Item = &(dyn StdError + 'static)> {
    std::iter::successors(error.source(), |error| StdError::source(*error))
}

/// What an exit takes at the most that has nothing to wait for.
const AT_ONCE: Duration = Duration::from_millis(50);

/// A client that is kept, and its idle connection.
const CLIENT_AND_CONNECTION: [(LeakKind, usize); 2] =
    [(LeakKind::ClientClone, 1), (LeakKind::Connection, 1)];

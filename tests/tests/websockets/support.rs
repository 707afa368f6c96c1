//! What the tests of WebSockets share.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_context::testing::{Fact, Recorder};
use http_context::websocket::{Message, WebSocket, WebSocketBuilder};
use http_context::{
    ConnectionSnapshot, ContextBuilder, ExitReport, Leak, LeakPolicy, OpenError, Tls, UpgradeEnd,
    http_session, open_connections,
};
use http_context_tests::{WebSocketServer, sockets, tls};
use tokio::time::Instant;

/// What carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    Clear,
    /// The server offers HTTP/2.
    Tls,
}

impl Wire {
    pub(crate) const ALL: [Self; 2] = [Self::Clear, Self::Tls];

    pub(crate) fn server(self) -> WebSocketServer {
        match self {
            Self::Clear => WebSocketServer::start(),
            Self::Tls => WebSocketServer::start_tls(),
        }
    }
}

/// A context that trusts the servers, and counts its leaks.
pub(crate) fn context() -> ContextBuilder {
    http_context::builder()
        .tls(Tls::Config(tls::client_config()))
        .configure(reqwest::ClientBuilder::no_proxy)
        .leaks(LeakPolicy::Count)
}

/// A context whose facts are recorded.
pub(crate) fn recorded() -> (ContextBuilder, Arc<Recorder>) {
    let recorder = Arc::new(Recorder::new());
    (context().observer(recorder.clone()), recorder)
}

/// A WebSocket of the context that this is called in.
#[track_caller]
pub(crate) fn begin(url: &str) -> WebSocketBuilder {
    http_session().unwrap().websocket(url)
}

pub(crate) async fn open(url: &str) -> WebSocket {
    begin(url).connect().await.unwrap()
}

/// Sends this, and waits for it to come back.
pub(crate) async fn echo(socket: &mut WebSocket, message: Message) {
    socket.send(message.clone()).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), message);
}

/// Runs the work in a context, whose report is free of leaks.
pub(crate) async fn clean<T>(
    context: ContextBuilder,
    work: impl Future<Output = T> + Send,
) -> (T, ExitReport)
where
    T: Send,
{
    let (output, report) = reported(context, work).await;
    assert!(report.is_clean(), "{report}");
    (output, report)
}

/// Runs the work in a context.
pub(crate) async fn reported<T>(
    context: ContextBuilder,
    work: impl Future<Output = T> + Send,
) -> (T, ExitReport)
where
    T: Send,
{
    let work = async { Ok::<_, OpenError>(work.await) };
    let (output, report) = context.open(work).with_report().await;
    (output.unwrap(), report.unwrap())
}

/// How each upgraded connection ended, in the order of their ends.
pub(crate) trait Ends {
    fn ends(&self) -> Vec<UpgradeEnd>;

    /// How many have begun.
    fn begun(&self) -> usize;

    /// How many were told as leaked, and of how many that was taken back.
    fn leaked_and_resolved(&self) -> (usize, usize);

    /// The only end.
    #[track_caller]
    fn end(&self) -> UpgradeEnd {
        let mut ends = self.ends();
        assert_eq!((ends.len(), self.begun()), (1, 1), "{ends:?}");
        ends.remove(0)
    }
}

impl Ends for Recorder {
    fn ends(&self) -> Vec<UpgradeEnd> {
        self.all(|fact| match fact {
            Fact::UpgradeEnded { end, .. } => Some(end.clone()),
            _ => None,
        })
    }

    fn begun(&self) -> usize {
        let begun = self.all(|fact| matches!(fact, Fact::ConnectionUpgraded { .. }).then_some(()));
        begun.len()
    }

    fn leaked_and_resolved(&self) -> (usize, usize) {
        let count = |leaks: Vec<Leak>| leaks.iter().map(|leak| leak.count).sum();
        (count(self.leaks()), count(self.resolved()))
    }
}

/// A limit that turns a hang into a failure that says where.
pub(crate) const HANG: Duration = Duration::from_secs(20);

/// Waits, and fails where that takes as long as a hang.
#[track_caller]
pub(crate) fn in_time<T>(waiting: impl Future<Output = T>) -> impl Future<Output = T> {
    let call_site = std::panic::Location::caller();
    let waiting = Box::pin(waiting);
    async move {
        match tokio::time::timeout(HANG, waiting).await {
            Ok(output) => output,
            Err(elapsed) => panic!("it hangs at {call_site}: {elapsed}"),
        }
    }
}

/// The error and its sources, as a log would show them.
pub(crate) fn text_of(error: &dyn std::error::Error) -> String {
    let (mut text, mut source) = (format!("{error} {error:?}"), error.source());
    while let Some(cause) = source {
        text = format!("{text}: {cause} {cause:?}");
        source = cause.source();
    }
    text
}

/// Whether neither the ledger nor the kernel has a connection to this server, within the time of a
/// hang. Of a context that was dropped another thread hears a few milliseconds later, so that there is
/// nothing to await.
#[expect(
    clippy::disallowed_methods,
    reason = "there is no signal, as said above"
)]
pub(crate) async fn no_socket_is_left(server: SocketAddr) -> bool {
    let is_there = |connection: &ConnectionSnapshot| {
        let pair = connection.info.addresses;
        pair.is_some_and(|pair| pair.remote == server)
    };
    let begun = Instant::now();
    while open_connections().iter().any(is_there) || !sockets::to(server).is_empty() {
        if begun.elapsed() > HANG {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    true
}

//! What is held of each attack.

use std::collections::BTreeSet;
use std::time::Duration;

use http_context::{
    ContextBuilder, ErrorKind, ExitReport, LeakKind, LeakPolicy, OpenError, http_session,
};
use http_context_tests::{Gate, RawServer, SEES_SOCKETS, Server, sockets};
use tokio::sync::watch;

/// How long a request may last where nothing else ends it.
pub(crate) const REQUEST: Duration = Duration::from_millis(100);
/// How long the exit waits for a request that was left to it.
const DRAIN: Duration = Duration::from_millis(50);
/// How long an exit may take: its drain, 2 s for its sockets, and what a busy machine adds.
const EXIT: Duration = Duration::from_secs(5);
/// Turns a hang into a failure that says where.
const HANG: Duration = Duration::from_secs(20);

/// How what was asked for ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum End {
    /// It was whole.
    Answered,
    Failed(ErrorKind),
    /// Of a WebSocket: it was open for as long as it was wanted.
    Open,
    /// Of a WebSocket: the name of its error.
    Socket(&'static str),
}

impl End {
    pub(crate) fn of(error: &(dyn std::error::Error + 'static)) -> Self {
        Self::Failed(ErrorKind::of(error))
    }
}

/// What an attack came to.
pub(crate) struct Outcome {
    pub(crate) ends: BTreeSet<End>,
    pub(crate) report: ExitReport,
    /// The most bytes at once that the client's thread had allocated: everything of the client is on it,
    /// the second context as well, and nothing of the servers.
    pub(crate) most_bytes: u64,
}

/// Who waits for the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// The work of its context, beside a second context.
    Awaited,
    /// Nobody: it is of a child task, and the work is over once the server has it.
    Left,
}

/// An attack on a context.
pub(crate) struct Cell<'a> {
    pub(crate) name: &'a str,
    pub(crate) server: &'a RawServer,
    /// Opened once the context has closed.
    pub(crate) over: &'a Gate,
    pub(crate) context: ContextBuilder,
    /// Whether its socket may be held past the exit, which then cuts it off.
    pub(crate) may_be_cut: bool,
}

impl Cell<'_> {
    /// Runs `ask` in a context of its own, on a runtime of its own in this thread. `begun` ends once the
    /// server has what is asked for.
    pub(crate) fn run<A, B>(
        self,
        way: Way,
        ask: impl FnOnce() -> A + Send + 'static,
        begun: impl FnOnce() -> B + Send,
    ) -> Outcome
    where
        A: Future<Output = BTreeSet<End>> + Send + 'static,
        B: Future<Output = ()> + Send,
    {
        let (name, server, over) = (self.name, self.server, self.over);
        let good = Server::start();
        let context = self.context.leaks(LeakPolicy::Count).drain_timeout(DRAIN);
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_all().build().unwrap();
        let mut ran = None;
        let counted = allocation_counter::measure(|| {
            let attacked = async {
                let work = context.open(async {
                    let asked = http_context::spawn(async move { ask().await });
                    if way == Way::Left {
                        begun().await;
                        return Ok::<_, OpenError>(asked);
                    }
                    let ends = asked.await.unwrap();
                    Ok(tokio::spawn(async { ends }))
                });
                let (asked, report) = work.with_report().await;
                over.open();
                (asked.unwrap().await.unwrap(), report.unwrap())
            };
            ran = Some(runtime.block_on(async {
                tokio::time::timeout(HANG, beside(&good, attacked))
                    .await
                    .unwrap_or_else(|_| panic!("{name}, {way:?}: it hangs"))
            }));
            // Nothing of it is left for another runtime.
            runtime.block_on(server.wait_until(|counts| counts.open == 0));
        });
        let ((ends, report), asked) = ran.unwrap();
        let may_leak = |kind: LeakKind| match kind {
            LeakKind::RequestInFlight
            | LeakKind::ResponseBody
            | LeakKind::UpgradedConnection
            | LeakKind::Task => way == Way::Left,
            LeakKind::Connection => self.may_be_cut,
            _ => false,
        };
        let is_expected = report.leaks.iter().all(|leak| may_leak(leak.kind));
        assert!(is_expected, "{name}, {way:?}: {report}");
        assert!(report.exit_duration < EXIT, "{name}, {way:?}: {report}");
        if SEES_SOCKETS {
            assert_eq!(sockets::to(server.addr()), [], "{name}, {way:?}");
        } else {
            runtime.block_on(sockets::wait_until(server.addr(), 0));
        }
        let accepted = server.counts().accepted;
        assert_eq!(
            report.connections_opened, accepted,
            "{name}, {way:?}: {report}"
        );
        assert_eq!(good.counts().completed, asked, "{name}, {way:?}");
        assert!(asked > 0, "{name}, {way:?}: the other context stood still");
        Outcome {
            ends,
            report,
            most_bytes: counted.bytes_max,
        }
    }
}

/// Polls this, and beside it a context that asks a server that means well, one request after the other:
/// each is answered. How many those were.
async fn beside<T>(good: &Server, attacked: impl Future<Output = T>) -> (T, u64) {
    let (over, is_over) = watch::channel(false);
    let other = http_context::builder()
        .configure(reqwest::ClientBuilder::no_proxy)
        .open(async {
            let session = http_session()?;
            let mut asked = 0;
            while asked == 0 || !*is_over.borrow() {
                let response = session.get(good.url("/bytes/1000")).send().await.unwrap();
                assert_eq!(response.bytes().await.unwrap().len(), 1000);
                asked += 1;
            }
            Ok::<_, OpenError>(asked)
        });
    let attacked = async {
        let output = attacked.await;
        over.send_replace(true);
        output
    };
    let (output, (asked, report)) = tokio::join!(attacked, other.with_report());
    let (asked, report) = (asked.unwrap(), report.unwrap());
    assert!(report.is_clean() && report.requests == asked, "{report}");
    (output, asked)
}

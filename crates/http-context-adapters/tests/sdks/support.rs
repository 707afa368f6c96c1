//! What a report is held against.

use std::error::Error as StdError;
use std::time::Duration;

use http_context::{ContextBuilder, ExitReport, Leak, LeakKind, builder};
use http_context_tests::Server;

pub(crate) type BoxError = Box<dyn StdError + Send + Sync>;

/// A context that does not wait for what a test leaks on purpose.
pub(crate) fn impatient() -> ContextBuilder {
    builder().drain_timeout(Duration::ZERO)
}

/// What a server does not count of itself, and what a client does not read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Beside {
    /// Bytes of request bodies that a handler of the test has read.
    pub(crate) handled: u64,
    /// Bytes of response bodies that the SDK does not read.
    pub(crate) unread: u64,
}

/// Asserts that the report is clean and says what the server counted.
pub(crate) async fn accounted(server: &Server, report: Option<ExitReport>, beside: Beside) {
    let report = report.unwrap();
    let counts = server.wait_until(|counts| counts.in_flight() == 0 && counts.open() == 0);
    let counts = counts.await;
    assert!(report.is_clean(), "{report}");
    let reported = (
        report.requests,
        report.connections_opened,
        report.bytes_sent,
        report.bytes_received + beside.unread,
    );
    let counted = (
        counts.requests,
        counts.accepted,
        counts.request_bytes + beside.handled,
        counts.response_bytes,
    );
    assert_eq!(reported, counted, "{report}");
    assert_eq!(report.requests, counts.completed, "{report}");
    assert!(report.requests > 1 && report.bytes_sent > 0, "{report}");
}

/// The one leak of this kind, which is of the line in the file of the caller.
#[track_caller]
pub(crate) fn leak_at(report: Option<ExitReport>, kind: LeakKind, line: u32) -> Leak {
    let report = report.unwrap();
    let mut leaks = report.leaks.iter().filter(|leak| leak.kind == kind);
    let leak = leaks.next().unwrap_or_else(|| panic!("{report}")).clone();
    assert!(leaks.next().is_none(), "{report}");
    let place = leak.acquired_at.unwrap();
    let here = std::panic::Location::caller();
    assert_eq!((place.file(), place.line()), (here.file(), line), "{leak}");
    leak
}

/// Whether an error or a source of it is of this type.
pub(crate) fn contains<E: StdError + 'static>(error: &(dyn StdError + 'static)) -> bool {
    let mut chain = std::iter::successors(Some(error), |&error| error.source());
    chain.any(<dyn StdError>::is::<E>)
}

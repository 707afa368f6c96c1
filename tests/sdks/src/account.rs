//! What a report is held against.

use std::error::Error as StdError;
use std::fs;
use std::panic::Location;
use std::time::Duration;

use http_context::{ContextBuilder, ExitReport, Leak, LeakKind, LeakPolicy, builder};

use crate::server::Server;

/// The error of an example.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// How long the exit of a context may take that has nothing to wait for.
pub const EXIT: Duration = Duration::from_millis(50);

/// Asserts that these contexts closed clean and at once, and that their reports say together what the
/// server counted.
///
/// # Panics
///
/// When they do not.
pub async fn accounted(server: &Server, reports: impl IntoIterator<Item = ExitReport>) {
    let counts = server.wait_until(|counts| counts.in_flight == 0 && counts.open == 0);
    let counts = counts.await;
    let mut reported = (0, 0, 0, 0);
    for report in reports {
        assert!(report.is_clean(), "{report}");
        assert!(report.exit_duration < EXIT, "{:?}", report.exit_duration);
        reported.0 += report.requests;
        reported.1 += report.connections_opened;
        reported.2 += report.bytes_sent;
        reported.3 += report.bytes_received;
    }
    let counted = (
        counts.requests,
        counts.accepted,
        counts.request_bytes + counts.upgraded_received,
        counts.response_bytes + counts.upgraded_sent,
    );
    assert_eq!(reported, counted, "{counts:?}");
    assert_ne!(counts.requests, 0);
    assert_eq!(counts.requests, counts.completed, "{counts:?}");
    assert!(counts.wire_received >= counted.2, "{counts:?}");
    assert!(counts.wire_sent >= counted.3, "{counts:?}");
}

/// A context that does not wait for what a test leaks on purpose.
pub fn impatient() -> ContextBuilder {
    let context = builder().leaks(LeakPolicy::Count);
    context.drain_timeout(Duration::ZERO)
}

/// The one leak of this kind, whose place is the only line in the caller's file with this code.
///
/// # Panics
///
/// When there is none, or another one.
#[track_caller]
pub fn leak_at(report: &ExitReport, kind: LeakKind, code: &str) -> Leak {
    let mut leaks = report.leaks.iter().filter(|leak| leak.kind == kind);
    let leak = leaks.next().unwrap_or_else(|| panic!("no leak: {report}"));
    assert!(leaks.next().is_none(), "{report}");
    let place = leak.acquired_at.expect("what is acquired has a place");
    assert_eq!(place.file(), Location::caller().file(), "{leak}");
    let source = fs::read_to_string(place.file()).expect("tests run where their sources are");
    // The test that looks for it has it between quotes.
    let quoted = format!("\"{code}\"");
    let lines = (1..).zip(source.lines());
    let lines = lines.filter(|(_, line)| line.contains(code) && !line.contains(&quoted));
    let lines: Vec<u32> = lines.map(|(number, _)| number).collect();
    assert_eq!(lines, [place.line()], "{leak}");
    leak.clone()
}

/// Whether this error, or one that caused it, is of this type.
pub fn caused_by<E: StdError + 'static>(error: &(dyn StdError + 'static)) -> bool {
    let mut chain = std::iter::successors(Some(error), |&error| error.source());
    chain.any(<dyn StdError>::is::<E>)
}

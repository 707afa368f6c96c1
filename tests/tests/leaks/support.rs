//! A context whose leaks are recorded.

use std::sync::Arc;
use std::time::Duration;

use http_context::testing::Recorder;
use http_context::{ContextBuilder, ExitReport, Leak, LeakKind, builder};

pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A context whose facts are recorded, and which drains for no longer than a test wants to wait for
/// what it leaks on purpose.
pub(crate) fn recorded() -> (Arc<Recorder>, ContextBuilder) {
    let recorder = Arc::new(Recorder::new());
    let context = builder()
        .observer(recorder.clone())
        .drain_timeout(Duration::from_millis(30));
    (recorder, context)
}

/// The one leak of a report, which is of this kind and was acquired at this line.
#[track_caller]
pub(crate) fn only_leak(report: &ExitReport, kind: LeakKind, line: u32) -> Leak {
    assert_eq!(report.leaks.len(), 1, "{report}");
    let leak = report.leaks[0].clone();
    assert_eq!(leak.kind, kind, "{leak}");
    if kind != LeakKind::Connection {
        assert_eq!(leak.acquired_at.unwrap().line(), line, "{leak}");
    }
    leak
}

#[track_caller]
pub(crate) fn clean(report: Option<ExitReport>) {
    let report = report.unwrap();
    assert!(report.is_clean(), "{report}");
}

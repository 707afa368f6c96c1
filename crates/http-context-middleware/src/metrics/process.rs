//! The metrics without a server: contexts, sessions, leaks, name lookups.

use http_context::{ErrorKind, ExitReport, LeakKind, NestedPolicy, SessionSource};
use metrics::{Counter, Gauge, Histogram, SharedString};

use super::catalogue;
use super::handle::{Lazy, LazyByLabel};
use super::sink::{Sink, label};
use crate::attribute::{DNS_QUESTION_NAME, ERROR_TYPE, KIND, OUTCOME, POLICY, SOURCE};

#[derive(Debug, Default)]
pub(crate) struct ProcessMetrics {
    sink: Sink,
    contexts_active: Lazy<Gauge>,
    contexts: LazyByLabel<(Counter, Histogram)>,
    exit_duration: Lazy<Histogram>,
    nested_opens: LazyByLabel<Counter>,
    leaks: LazyByLabel<Counter>,
    leaks_open: LazyByLabel<Gauge>,
    sessions: LazyByLabel<Counter>,
    lookups: [Lazy<Histogram>; 2],
}

impl ProcessMetrics {
    pub(crate) fn new(sink: Sink) -> Self {
        Self {
            sink,
            ..Self::default()
        }
    }

    pub(crate) fn context_opened(&self) {
        self.contexts_active().increment(1);
    }

    pub(crate) fn context_closed(&self, report: &ExitReport) {
        self.contexts_active().decrement(1);
        let outcome = report.outcome.as_str();
        let (count, duration) = self.contexts.get_or_take(outcome, || {
            let labels = || vec![label(OUTCOME, outcome)];
            (
                self.sink.counter(&catalogue::CONTEXTS, labels()),
                self.sink.histogram(&catalogue::CONTEXT_DURATION, labels()),
            )
        });
        count.increment(1);
        duration.record(report.duration);
        self.exit_duration
            .get_or_take(|| self.sink.histogram(&catalogue::EXIT_DURATION, Vec::new()))
            .record(report.exit_duration);
    }

    pub(crate) fn nested_open(&self, policy: NestedPolicy) {
        let policy = policy.as_str();
        self.nested_opens
            .get_or_take(policy, || {
                let labels = vec![label(POLICY, policy)];
                self.sink.counter(&catalogue::NESTED_OPENS, labels)
            })
            .increment(1);
    }

    pub(crate) fn leaked(&self, kind: LeakKind, count: usize) {
        self.leaks(kind).increment(count as u64);
        if stays_open(kind) {
            self.leaks_open(kind).increment(to_f64(count));
        }
    }

    pub(crate) fn leak_resolved(&self, kind: LeakKind, count: usize) {
        if stays_open(kind) {
            self.leaks_open(kind).decrement(to_f64(count));
        }
    }

    pub(crate) fn session_opened(&self, source: SessionSource) {
        let source = source.as_str();
        self.sessions
            .get_or_take(source, || {
                let labels = vec![label(SOURCE, source)];
                self.sink.counter(&catalogue::SESSIONS, labels)
            })
            .increment(1);
    }

    /// The name becomes a label by an option alone, since the number of names has no bound.
    pub(crate) fn name_resolved(&self, seconds: f64, failed: bool, name: Option<&str>) {
        let take = || {
            let mut labels = Vec::new();
            if failed {
                labels.push(label(ERROR_TYPE, ErrorKind::NameResolution.as_str()));
            }
            let name = name.map(|name| SharedString::from(name.to_owned()));
            labels.extend(name.map(|name| label(DNS_QUESTION_NAME, name)));
            self.sink.histogram(&catalogue::DNS_LOOKUP_DURATION, labels)
        };
        match name {
            Some(_) => take().record(seconds),
            None => self.lookups[usize::from(failed)]
                .get_or_take(take)
                .record(seconds),
        }
    }

    fn contexts_active(&self) -> &Gauge {
        self.contexts_active.get_or_take(|| {
            // Prometheus sees the first leak of a kind as an increase only after a zero.
            for kind in LeakKind::ALL {
                self.leaks(*kind).increment(0);
            }
            self.sink.gauge(&catalogue::CONTEXTS_ACTIVE, Vec::new())
        })
    }

    fn leaks(&self, kind: LeakKind) -> Counter {
        let kind = kind.as_str();
        self.leaks.get_or_take(kind, || {
            let labels = vec![label(KIND, kind)];
            self.sink.counter(&catalogue::LEAKS, labels)
        })
    }

    fn leaks_open(&self, kind: LeakKind) -> Gauge {
        let kind = kind.as_str();
        self.leaks_open.get_or_take(kind, || {
            let labels = vec![label(KIND, kind)];
            self.sink.gauge(&catalogue::LEAKS_OPEN, labels)
        })
    }
}

/// Whether the leaked thing can be released. A refused use after the exit holds nothing.
fn stays_open(kind: LeakKind) -> bool {
    kind != LeakKind::UseAfterExit
}

#[allow(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
fn to_f64(count: usize) -> f64 {
    count as f64
}

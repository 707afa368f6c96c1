//! The metrics that have no server: contexts, sessions, leaks, lookups.

use http_context::{ErrorKind, ExitReport, LeakKind, NestedPolicy, Outcome, SessionSource};
use metrics::{Counter, Gauge, Histogram, SharedString};

use crate::attribute::{DNS_QUESTION_NAME, ERROR_TYPE, KIND, OUTCOME, POLICY, SOURCE};
use crate::catalogue;
use crate::sink::{Lazy, Sink, label};

#[derive(Debug, Default)]
pub(crate) struct ProcessMetrics {
    sink: Sink,
    contexts_active: Lazy<Gauge>,
    contexts: [Lazy<(Counter, Histogram)>; 4],
    exit_duration: Lazy<Histogram>,
    nested_opens: [Lazy<Counter>; 4],
    leaks: [Lazy<Counter>; LeakKind::ALL.len()],
    leaks_open: [Lazy<Gauge>; LeakKind::ALL.len()],
    sessions: [Lazy<Counter>; 3],
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
        let (count, duration) = self.contexts[outcome_index(report.outcome)].get_or_init(|| {
            let labels = || vec![label(OUTCOME, report.outcome.as_str())];
            (
                self.sink.counter(&catalogue::CONTEXTS, labels()),
                self.sink.histogram(&catalogue::CONTEXT_DURATION, labels()),
            )
        });
        count.increment(1);
        duration.record(report.duration);
        self.exit_duration
            .get_or_init(|| self.sink.histogram(&catalogue::EXIT_DURATION, Vec::new()))
            .record(report.exit_duration);
    }

    pub(crate) fn nested_open(&self, policy: NestedPolicy) {
        let index = match policy {
            NestedPolicy::PassThrough => 0,
            NestedPolicy::Warn => 1,
            NestedPolicy::Deny => 2,
            _ => 3,
        };
        self.nested_opens[index]
            .get_or_init(|| {
                let labels = vec![label(POLICY, policy.as_str())];
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
        let index = match source {
            SessionSource::Created => 0,
            SessionSource::Recreated => 1,
            _ => 2,
        };
        self.sessions[index]
            .get_or_init(|| {
                let labels = vec![label(SOURCE, source.as_str())];
                self.sink.counter(&catalogue::SESSIONS, labels)
            })
            .increment(1);
    }

    /// The name becomes a label only when asked for: there is no bound to names.
    pub(crate) fn name_resolved(&self, seconds: f64, failed: bool, name: Option<&str>) {
        let resolve = || {
            let mut labels = Vec::new();
            if failed {
                labels.push(label(ERROR_TYPE, ErrorKind::NameResolution.as_str()));
            }
            let name = name.map(|name| SharedString::from(name.to_owned()));
            labels.extend(name.map(|name| label(DNS_QUESTION_NAME, name)));
            self.sink.histogram(&catalogue::DNS_LOOKUP_DURATION, labels)
        };
        match name {
            Some(_) => resolve().record(seconds),
            None => self.lookups[usize::from(failed)]
                .get_or_init(resolve)
                .record(seconds),
        }
    }

    fn contexts_active(&self) -> &Gauge {
        self.contexts_active.get_or_init(|| {
            // The first leak of a kind is an increase only for those who have seen it at zero.
            for kind in LeakKind::ALL {
                self.leaks(kind).increment(0);
            }
            self.sink.gauge(&catalogue::CONTEXTS_ACTIVE, Vec::new())
        })
    }

    fn leaks(&self, kind: LeakKind) -> &Counter {
        self.leaks[leak_index(kind)].get_or_init(|| {
            let labels = vec![label(KIND, kind.as_str())];
            self.sink.counter(&catalogue::LEAKS, labels)
        })
    }

    fn leaks_open(&self, kind: LeakKind) -> &Gauge {
        self.leaks_open[leak_index(kind)].get_or_init(|| {
            let labels = vec![label(KIND, kind.as_str())];
            self.sink.gauge(&catalogue::LEAKS_OPEN, labels)
        })
    }
}

/// Whether there is a thing that can be let go. A use after the exit is refused, and that is all.
fn stays_open(kind: LeakKind) -> bool {
    kind != LeakKind::UseAfterExit
}

fn leak_index(kind: LeakKind) -> usize {
    let found = LeakKind::ALL.iter().position(|known| *known == kind);
    found.expect("the list has every kind")
}

fn outcome_index(outcome: Outcome) -> usize {
    match outcome {
        Outcome::Completed => 0,
        Outcome::Failed => 1,
        Outcome::Cancelled => 2,
        _ => 3,
    }
}

#[allow(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
fn to_f64(count: usize) -> f64 {
    count as f64
}

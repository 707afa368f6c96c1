//! What is reported of a context as leaked, and resolved again.

use std::time::Duration;

use super::Scope;
use crate::facts::{Leak, LeakKind, LeakPolicy};
use crate::identity::CallSite;
use crate::leak::{note_leak, note_resolved, sampled_backtrace};

/// What was reported of a context as leaked, as far as the context has to know.
#[derive(Debug, Default)]
pub(super) struct ReportedLeaks {
    is_closed: bool,
    /// Leaks of the context as a whole, resolved when it does close.
    of_the_context: Vec<Leak>,
    /// What was released between an exit finding it and the exit reporting it, which comes later.
    /// Resolved first, a count of open leaks would dip below what is open. `None` at other times.
    deferred: Option<Vec<Leak>>,
}

impl Scope {
    /// A leak of this context, which is not reported yet.
    pub(crate) fn leak(
        &self,
        kind: LeakKind,
        acquired_at: Option<CallSite>,
        age: Duration,
    ) -> Leak {
        Leak {
            kind,
            count: 1,
            context: self.info.id,
            name: self.info.name.clone(),
            opened_at: self.info.opened_at,
            acquired_at,
            caller: None,
            age,
            socket: None,
            detail: None,
            progress: None,
            backtrace: None,
        }
    }

    /// Whether leaks of this context are of interest.
    pub(crate) fn looks_for_leaks(&self) -> bool {
        self.info.leak_policy != LeakPolicy::Off
    }

    pub(crate) fn report_leak(&self, leak: &Leak) {
        note_leak(leak);
        self.notify(|observer| observer.leak(&self.info, leak));
    }

    pub(crate) fn report_resolved(&self, leak: &Leak) {
        if let Some(deferred) = &mut self.reported.lock().deferred {
            deferred.push(leak.clone());
            return;
        }
        note_resolved(leak);
        self.notify(|observer| observer.leak_resolved(&self.info, leak));
    }

    /// Someone asked for the session after the exit.
    pub(crate) fn report_use_after_exit(&self, at: CallSite, spawned_at: Option<CallSite>) {
        if !self.looks_for_leaks() {
            return;
        }
        let mut leak = self.leak(
            LeakKind::UseAfterExit,
            Some(at),
            self.info.phase.closed_ago(),
        );
        leak.detail = spawned_at.map(|at| format!("in a task spawned at {at}"));
        leak.backtrace = sampled_backtrace();
        self.report_leak(&leak);
    }

    /// Keeps what is resolved from here on, until the exit has reported what it finds.
    pub(crate) fn defer_resolutions(&self) {
        self.reported.lock().deferred.get_or_insert_default();
    }

    /// Reports what was resolved in the meantime.
    #[cold]
    pub(crate) fn flush_deferred(&self) {
        let deferred = self.reported.lock().deferred.take();
        for leak in deferred.into_iter().flatten() {
            self.report_resolved(&leak);
        }
    }

    /// Reports the context itself as leaked, unless it has exited or this was reported before.
    pub(crate) fn report_context(&self, kind: LeakKind) {
        let leak = self.leak_of_context(kind);
        let mut reported = self.reported.lock();
        if reported.is_closed || reported.of_the_context.iter().any(|leak| leak.kind == kind) {
            return;
        }
        reported.of_the_context.push(leak.clone());
        drop(reported);
        self.report_leak(&leak);
    }

    /// The context itself as a leak.
    pub(crate) fn leak_of_context(&self, kind: LeakKind) -> Leak {
        let mut leak = self.leak(kind, Some(self.info.opened_at), self.info.age());
        leak.backtrace.clone_from(&self.backtrace);
        leak
    }

    /// Ends the reports of the context as a whole. Returns those that its close resolves.
    pub(crate) fn close_reports(&self) -> Vec<Leak> {
        let mut reported = self.reported.lock();
        reported.is_closed = true;
        std::mem::take(&mut reported.of_the_context)
    }
}

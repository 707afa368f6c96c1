//! What is told of a context as leaked, and taken back.

use std::time::Duration;

use tokio::time::Instant;

use super::{HttpContext, lock};
use crate::backtrace;
use crate::error::ContextClosed;
use crate::leak::{Leak, LeakKind, LeakPolicy};
use crate::place::Place;
use crate::recent;

/// What was told of a context as leaked, as far as the context has to know.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) is_closed: bool,
    /// Leaks of the context as a whole, to be taken back when it does close.
    pub(super) leaks: Vec<Leak>,
    /// What was let go between an exit finding it and the exit telling it, which comes later: told
    /// in this order, a count of open leaks would dip below what is open. `None` at other times.
    let_go: Option<Vec<Leak>>,
}

impl HttpContext {
    pub(super) fn used_after_exit(&self, place: Place, spawned_at: Option<Place>) -> ContextClosed {
        let closed_ago = self
            .0
            .closed
            .get()
            .map(Instant::elapsed)
            .unwrap_or_default();
        if self.leak_policy() != LeakPolicy::Off {
            let mut leak = self.leak(LeakKind::UseAfterExit, Some(place), closed_ago);
            leak.detail = spawned_at.map(|place| format!("in a task spawned at {place}"));
            leak.backtrace = backtrace::sampled();
            self.tell_leak(&leak);
        }
        ContextClosed {
            context: self.0.id,
            name: self.0.name.clone(),
            opened_at: self.0.opened_at,
            spawned_at,
            closed_ago,
        }
    }

    pub(crate) fn leak(&self, kind: LeakKind, acquired_at: Option<Place>, age: Duration) -> Leak {
        Leak {
            kind,
            count: 1,
            context: self.0.id,
            name: self.0.name.clone(),
            opened_at: self.0.opened_at,
            acquired_at,
            age,
            detail: None,
            backtrace: None,
        }
    }

    pub(crate) fn tell_leak(&self, leak: &Leak) {
        recent::note_leak(leak);
        self.tell(|observer| observer.leak(self, leak));
    }

    pub(crate) fn tell_resolved(&self, leak: &Leak) {
        if let Some(let_go) = &mut lock(&self.0.told).let_go {
            let_go.push(leak.clone());
            return;
        }
        recent::note_resolved(leak);
        self.tell(|observer| observer.leak_resolved(self, leak));
    }

    /// From here on what is let go is kept, until the exit has told what it finds.
    pub(crate) fn hold_resolved(&self) {
        lock(&self.0.told).let_go.get_or_insert_default();
    }

    /// Tells what was let go in the meantime.
    #[cold]
    pub(crate) fn tell_held_resolved(&self) {
        let held = lock(&self.0.told).let_go.take();
        for leak in held.into_iter().flatten() {
            self.tell_resolved(&leak);
        }
    }

    /// How long until it is overdue; `None` when it has no threshold, or has exited.
    pub(crate) fn overdue_in(&self) -> Option<Duration> {
        let threshold = self.0.config.overdue_after.filter(|_| !self.has_exited())?;
        Some(threshold.saturating_sub(self.age()))
    }

    pub(crate) fn tell_overdue(&self) {
        self.tell_as_a_whole(LeakKind::ContextOverdue);
    }

    /// Tells that the context will not be closed any more; once.
    pub(crate) fn tell_never_closed(&self) {
        self.tell_as_a_whole(LeakKind::NeverClosed);
    }

    /// Tells the context itself as leaked, unless it has exited or that was told before.
    fn tell_as_a_whole(&self, kind: LeakKind) {
        let mut leak = self.leak(kind, Some(self.0.opened_at), self.age());
        leak.backtrace.clone_from(&self.0.backtrace);
        let mut told = lock(&self.0.told);
        if told.is_closed || told.leaks.iter().any(|told| told.kind == kind) {
            return;
        }
        told.leaks.push(leak.clone());
        drop(told);
        self.tell_leak(&leak);
    }
}

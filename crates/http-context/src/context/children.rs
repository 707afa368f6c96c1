//! The child tasks of a context that have not ended.

use std::backtrace::Backtrace;
use std::sync::Arc;

use slab::Slab;
use tokio::time::Instant;

use crate::caller::Caller;
use crate::facts::{Leak, LeakKind};
use crate::identity::CallSite;
use crate::leak::sampled_backtrace;
use crate::scope::Scope;
use crate::sync::Mutex;

/// A task, a blocking closure or a future that carries the context.
#[derive(Clone, Debug)]
pub(crate) struct Child {
    spawned_at: CallSite,
    caller: Option<Caller>,
    since: Instant,
    backtrace: Option<Arc<Backtrace>>,
    /// Whether it was reported as leaked.
    is_reported: bool,
}

impl Child {
    /// What it is, if it outlives the context.
    pub(crate) fn leak(&self, scope: &Scope) -> Leak {
        let age = self.since.elapsed();
        let mut leak = scope.leak(LeakKind::Task, Some(self.spawned_at), age);
        leak.caller = self.caller;
        leak.backtrace.clone_from(&self.backtrace);
        leak
    }
}

/// Nothing of a user runs under the lock, and no other is taken under it.
#[derive(Debug, Default)]
pub(crate) struct Children(Mutex<Slab<Child>>);

impl Children {
    /// Enters one. Returns the key to take it out with.
    pub(crate) fn enter(&self, spawned_at: CallSite) -> usize {
        let child = Child {
            spawned_at,
            caller: Caller::current(),
            since: Instant::now(),
            backtrace: sampled_backtrace(),
            is_reported: false,
        };
        self.0.lock().insert(child)
    }

    /// Takes one out that has ended.
    pub(crate) fn leave(&self, key: usize, scope: &Scope) {
        let mut alive = self.0.lock();
        let child = alive.remove(key);
        let is_empty = alive.is_empty();
        drop(alive);
        if is_empty {
            // Not only an exit may wait for that.
            scope.changed.notify_waiters();
        }
        if child.is_reported {
            scope.report_resolved(&child.leak(scope));
        }
    }

    /// Those that are alive, about to be reported as leaked.
    pub(crate) fn mark_leaked(&self) -> Vec<Child> {
        let mut alive = self.0.lock();
        let children = alive.iter_mut().map(|(_, child)| {
            child.is_reported = true;
            child.clone()
        });
        children.collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.lock().is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.lock().len()
    }
}

//! The child tasks of a context that have not ended.

use std::backtrace::Backtrace;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use slab::Slab;
use tokio::time::Instant;

use crate::backtrace;
use crate::context::HttpContext;
use crate::leak::{Leak, LeakKind};
use crate::place::Place;

/// A task, a blocking closure or a future that carries the context.
#[derive(Clone, Debug)]
pub(crate) struct Child {
    pub(crate) place: Place,
    pub(crate) since: Instant,
    backtrace: Option<Arc<Backtrace>>,
    /// Whether it was told as leaked.
    is_told: bool,
}

impl Child {
    /// What it is, if it outlives the context.
    pub(crate) fn leak(&self, context: &HttpContext) -> Leak {
        let mut leak = context.leak(LeakKind::Task, Some(self.place), self.since.elapsed());
        leak.backtrace.clone_from(&self.backtrace);
        leak
    }
}

#[derive(Debug, Default)]
pub(crate) struct Children(Mutex<Slab<Child>>);

impl Children {
    /// Those that are alive, to be told as leaked.
    pub(crate) fn tell_alive(&self) -> Vec<Child> {
        let mut alive = self.lock();
        alive
            .iter_mut()
            .map(|(_, child)| {
                child.is_told = true;
                child.clone()
            })
            .collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, Slab<Child>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps a child on the list of its context; dropped when the child has ended.
#[derive(Debug)]
pub(crate) struct ChildGuard {
    context: HttpContext,
    key: usize,
}

impl ChildGuard {
    pub(crate) fn new(context: HttpContext, place: Place) -> Self {
        let backtrace = backtrace::sampled();
        let child = Child {
            place,
            since: Instant::now(),
            backtrace,
            is_told: false,
        };
        let key = context.inner().children.lock().insert(child);
        Self { context, key }
    }
}

impl Drop for ChildGuard {
    fn drop(&mut self) {
        let mut live = self.context.inner().children.lock();
        let child = live.remove(self.key);
        let is_empty = live.is_empty();
        drop(live);
        if is_empty {
            self.context.inner().note_idle();
        }
        if child.is_told {
            self.context.tell_resolved(&child.leak(&self.context));
        }
    }
}

//! The child tasks of a context that have not ended.

use std::sync::{Mutex, MutexGuard, PoisonError};

use slab::Slab;
use tokio::time::Instant;

use crate::context::HttpContext;
use crate::place::Place;

/// A task, a blocking closure or a future that carries the context.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Child {
    pub(crate) place: Place,
    pub(crate) since: Instant,
}

#[derive(Debug, Default)]
pub(crate) struct Children(Mutex<Slab<Child>>);

impl Children {
    pub(crate) fn snapshot(&self) -> Vec<Child> {
        self.lock().iter().map(|(_, child)| *child).collect()
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
        let child = Child {
            place,
            since: Instant::now(),
        };
        let key = context.inner().children.lock().insert(child);
        Self { context, key }
    }
}

impl Drop for ChildGuard {
    fn drop(&mut self) {
        let mut live = self.context.inner().children.lock();
        live.remove(self.key);
        let is_empty = live.is_empty();
        drop(live);
        if is_empty {
            self.context.inner().note_idle();
        }
    }
}

//! A child of a context, from its spawn to its end.

use crate::context::{Bound, HttpContext, bound};
use crate::identity::CallSite;

/// Keeps a child on the list of its context; dropped when the child has ended.
#[derive(Debug)]
pub(super) struct ChildGuard {
    context: HttpContext,
    key: usize,
}

impl ChildGuard {
    pub(super) fn new(context: HttpContext, spawned_at: CallSite) -> Self {
        let key = context.child_list().enter(spawned_at);
        Self { context, key }
    }
}

impl Drop for ChildGuard {
    fn drop(&mut self) {
        let children = self.context.child_list();
        children.leave(self.key, self.context.scope());
    }
}

/// What a child is bound to.
pub(super) struct Binding {
    pub(super) bound: Bound,
    pub(super) guard: ChildGuard,
}

impl Binding {
    pub(super) fn new(context: HttpContext, spawned_at: CallSite) -> Self {
        let guard = ChildGuard::new(context.clone(), spawned_at);
        let bound = Bound {
            context,
            spawned_at: Some(spawned_at),
        };
        Self { bound, guard }
    }

    /// To the context of this task, if there is one.
    pub(super) fn of_current(spawned_at: CallSite) -> Option<Self> {
        Some(Self::new(bound()?.context, spawned_at))
    }
}

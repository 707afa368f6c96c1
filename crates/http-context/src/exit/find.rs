//! Finds requests, bodies and children that are there at the drain deadline.

use crate::context::HttpContext;
use crate::facts::Leak;

/// Marks them as leaked, and adds them to the leaks.
pub(super) fn living(context: &HttpContext, leaks: &mut Vec<Leak>) {
    if let Some(sessions) = context.sessions_if_any() {
        for leak in sessions.requests.mark_leaked() {
            merge(leaks, leak);
        }
    }
    for child in context.child_list().mark_leaked() {
        merge(leaks, child.leak(context.scope()));
    }
}

/// Counts leaks of the same kind and call site together; the oldest gives the age.
pub(super) fn merge(leaks: &mut Vec<Leak>, leak: Leak) {
    let same = |other: &&mut Leak| {
        other.kind == leak.kind
            && other.acquired_at == leak.acquired_at
            && other.detail == leak.detail
            && other.caller == leak.caller
    };
    match leaks.iter_mut().find(same) {
        Some(known) => {
            known.count += leak.count;
            known.age = known.age.max(leak.age);
            known.progress = match (known.progress, leak.progress) {
                (Some(known), Some(other)) => Some(known.and(other)),
                (known, other) => known.or(other),
            };
        }
        None => leaks.push(leak),
    }
}

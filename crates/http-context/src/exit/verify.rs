//! Waits until what was aborted or closed is gone, and finds the sockets that stay.

use std::sync::Arc;

use tokio::time::{Instant, timeout_at};

use crate::connection::{HeldConnection, report_when_closed};
use crate::context::HttpContext;
use crate::facts::Leak;
use crate::scope::Scope;
use crate::session::Sessions;
use crate::wait_until::wait_until;

/// Waits until what another thread was polling has ended: until then it may open a connection.
pub(super) async fn wait_until_ended(context: &HttpContext, gone_by: Instant) {
    let has_ended = wait_until(&context.scope().changed, || {
        context.requests_in_flight() == 0
    });
    let _ = timeout_at(gone_by, has_ended).await;
}

/// Waits until connections that were being made are given up.
pub(super) async fn wait_until_given_up(sessions: &Sessions, gone_by: Instant) {
    let _ = timeout_at(gone_by, sessions.wait_until_given_up()).await;
}

/// Adds a leak for each connection whose socket was held. It is resolved when the socket is gone, but
/// not before the exit has reported it: resolutions are deferred by now.
pub(super) fn add_leaks(scope: &Arc<Scope>, held: Vec<HeldConnection>, leaks: &mut Vec<Leak>) {
    for held in held {
        let leak = held.leak(scope);
        leaks.push(leak.clone());
        if held.is_gone {
            scope.report_resolved(&leak);
        } else {
            report_when_closed(Arc::clone(scope), held.connection, leak);
        }
    }
}

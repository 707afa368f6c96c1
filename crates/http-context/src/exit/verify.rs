//! Waits until what was cut off or closed is gone, and finds the sockets that stay.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

pub(super) use crate::connection::ToRelease;
use crate::connection::{Connection, report_when_closed, wait_for_close};
use crate::context::HttpContext;
use crate::facts::{AddressPair, Leak, LeakKind};
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

/// Takes out the connections whose sockets are open, once their tasks had the time to close them.
pub(super) async fn still_held(
    connections: &mut ToRelease,
    gone_by: Instant,
) -> Vec<Arc<Connection>> {
    let held = wait_for_close(connections.0.clone(), gone_by).await;
    connections
        .0
        .retain(|one| !held.iter().any(|held| Arc::ptr_eq(held, one)));
    held
}

/// Adds a leak for each connection, and watches it: the leak is resolved when it closes after all.
pub(super) fn report_later(
    context: &HttpContext,
    age: Duration,
    held: Vec<Arc<Connection>>,
    leaks: &mut Vec<Leak>,
) {
    let scope = context.scope();
    for connection in held {
        let mut leak = scope.leak(LeakKind::Connection, None, age);
        let id = connection.info.id;
        if let Some(AddressPair { local, remote }) = connection.info.addresses {
            leak.detail = Some(format!("connection {id} from {local} to {remote}"));
        }
        report_when_closed(Arc::clone(scope), connection, leak.clone());
        leaks.push(leak);
    }
}

//! Waits until a condition holds.

use crate::sync::Notify;

/// Waits until the condition holds. `changed` has to be notified, with `notify_waiters`, after each
/// change that can make it hold.
///
/// # Cancel safety
///
/// Dropping the future changes nothing.
pub(crate) async fn wait_until(changed: &Notify, holds: impl Fn() -> bool) {
    loop {
        let change = changed.notified();
        tokio::pin!(change);
        // Listens before it looks, so that a change in between is heard.
        change.as_mut().enable();
        if holds() {
            return;
        }
        change.await;
    }
}

//! Waiting until something is so, for what tells of each change.

use tokio::sync::Notify;

/// Waits until it is so. `changed` has to be told, with `notify_waiters`, after each change that can
/// make it so.
///
/// # Cancel safety
///
/// Dropping the future changes nothing.
pub(crate) async fn until(changed: &Notify, is_so: impl Fn() -> bool) {
    loop {
        let change = changed.notified();
        tokio::pin!(change);
        // Listens before it looks, so that a change in between is heard.
        change.as_mut().enable();
        if is_so() {
            return;
        }
        change.await;
    }
}

//! The connections that are open in this process.

use super::connection::ConnectionSnapshot;
use super::registry::REGISTRY;

/// All connections of this process that are not known to be closed, in the order they were opened.
/// Those without an observer are not listed once their context has exited and their sockets were seen
/// to be gone.
///
/// ```
/// println!("{} connections are open", http_context::open_connections().len());
/// ```
pub fn open_connections() -> Vec<ConnectionSnapshot> {
    let mut open: Vec<_> = REGISTRY
        .all()
        .iter()
        .filter(|connection| !connection.is_reported())
        .map(|connection| connection.snapshot())
        .collect();
    open.sort_by_key(|connection| connection.info.id);
    open
}

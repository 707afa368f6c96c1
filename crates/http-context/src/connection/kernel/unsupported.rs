//! Where nobody knows how to ask for the sockets of this process.

use super::Connection;

pub(super) fn ask(_: impl Iterator<Item = Connection>) -> Option<Vec<Connection>> {
    None
}

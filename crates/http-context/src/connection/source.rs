//! Where the closes of this process come from, and what becomes of them.

use std::sync::{Arc, OnceLock};

use hashbrown::HashSet;
use tokio::time::Instant;

use super::closes::{CloseEvent, ConnectionCloses, SocketEnd};
use super::connection::Connection;
use super::kernel::{self, KernelCloses};
use super::registry::REGISTRY;
use crate::facts::AddressPair;

struct Source {
    closes: Arc<dyn ConnectionCloses>,
    is_seeing: bool,
}

static CHOSEN: OnceLock<Arc<dyn ConnectionCloses>> = OnceLock::new();
static SOURCE: OnceLock<Source> = OnceLock::new();

/// Chooses where closes come from, in place of [`KernelCloses`].
///
/// Call it once, at start-up: before the first connection that has an observer.
///
/// # Errors
///
/// [`ConnectionClosesAlreadySet`] when one was chosen, or is in use.
pub fn set_connection_closes(
    closes: Arc<dyn ConnectionCloses>,
) -> Result<(), ConnectionClosesAlreadySet> {
    CHOSEN.set(closes).map_err(|_| ConnectionClosesAlreadySet)
}

/// Closes come from another source already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("closes of connections come from another source already: choose one once, at start-up")]
#[non_exhaustive]
pub struct ConnectionClosesAlreadySet;

/// Whether closes of connections are seen when they happen. Where they are not, the reason of every
/// close that the peer has not announced is `unknown`, and its time is the end of the session.
pub fn sees_connection_closes() -> bool {
    source().is_seeing
}

/// Whether closes are being announced; does not start the source.
pub(super) fn announces_closes() -> bool {
    SOURCE.get().is_some_and(|source| source.is_seeing)
}

/// Starts the source at the first use.
fn source() -> &'static Source {
    SOURCE.get_or_init(|| {
        let closes = CHOSEN.get_or_init(|| Arc::new(KernelCloses));
        Source {
            is_seeing: closes.start(Box::new(note)),
            closes: Arc::clone(closes),
        }
    })
}

fn note(event: CloseEvent) -> bool {
    match event {
        CloseEvent::Closed(socket) => {
            REGISTRY.closed(&socket);
            false
        }
        CloseEvent::Compare => compare(),
    }
}

/// Holds the registry against the sockets of this process. Returns whether some that ought to be
/// gone are still there.
fn compare() -> bool {
    // Listed before they are looked up: one that is opened in between is not missed.
    let listed = REGISTRY.all();
    let addresses: Vec<_> = listed.iter().filter_map(|c| c.info.addresses).collect();
    if addresses.is_empty() {
        return false;
    }
    let Some(held) = kernel::held(&addresses) else {
        return false;
    };
    let held: HashSet<AddressPair> = held.into_iter().collect();
    let mut is_due_again = false;
    for connection in &listed {
        if connection
            .info
            .addresses
            .is_some_and(|pair| !held.contains(&pair))
        {
            if !connection.is_gone() {
                gone(connection);
            }
        } else {
            is_due_again |= connection.traffic.is_closed();
        }
    }
    is_due_again
}

/// The socket of a connection is gone, which was not announced so far.
pub(super) fn gone(connection: &Arc<Connection>) {
    REGISTRY.gone(connection, closed_by(connection), Instant::now());
}

/// As [`gone`], where the announcement may be on its way: it says more where nothing else is left of
/// the socket. A comparison follows, in case that it does not come.
pub(super) fn gone_just_now(connection: &Arc<Connection>) {
    match closed_by(connection) {
        SocketEnd::Unknown => check_soon(),
        end => REGISTRY.gone(connection, end, Instant::now()),
    }
}

fn closed_by(connection: &Connection) -> SocketEnd {
    let addresses = connection.info.addresses;
    addresses.map_or(SocketEnd::Unknown, kernel::closed_by)
}

/// Sockets ought to be gone soon.
pub(super) fn check_soon() {
    source().closes.check_soon();
}

/// Takes note of what was announced so far.
pub(super) fn flush() {
    source().closes.flush();
}

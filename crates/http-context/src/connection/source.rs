//! Where the closes of this process come from, and what becomes of them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use hashbrown::HashSet;

use super::closes::{CloseEvent, ConnectionCloses, SocketEnd};
use super::connection::{Connection, SocketGone};
use super::kernel::{self, Closing, KernelCloses};
use super::registry::REGISTRY;
use crate::facts::AddressPair;

struct Source {
    closes: Arc<dyn ConnectionCloses>,
    is_seeing: bool,
}

static CHOSEN: OnceLock<Arc<dyn ConnectionCloses>> = OnceLock::new();
static SOURCE: OnceLock<Source> = OnceLock::new();
/// Whether a close came that was counted: what is missing is then likely to come as well, and says
/// more.
static COUNTS: AtomicBool = AtomicBool::new(false);

/// Chooses where closes come from, in place of [`KernelCloses`].
///
/// Call it once, at start-up: before the first connection that has an observer.
///
/// # Errors
///
/// [`ConnectionClosesAlreadySet`] when one was chosen, or is in use.
///
/// ```
/// use std::sync::Arc;
///
/// use http_context::{NoCloses, set_connection_closes};
///
/// // At start-up: asks the operating system nothing.
/// set_connection_closes(Arc::new(NoCloses))?;
/// # Ok::<(), http_context::ConnectionClosesAlreadySet>(())
/// ```
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
///
/// ```
/// if !http_context::sees_connection_closes() {
///     println!("why and when connections close is not known on this system");
/// }
/// ```
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
            if socket.counters.is_some() {
                COUNTS.store(true, Ordering::Relaxed);
            }
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
    let sockets: Vec<_> = listed.iter().filter_map(|c| c.socket()).collect();
    if sockets.is_empty() {
        return false;
    }
    let Some(held) = kernel::held(&sockets) else {
        return false;
    };
    let held: HashSet<AddressPair> = held.into_iter().collect();
    let is_held = |one: &Arc<Connection>| {
        let socket = one.socket();
        socket.is_none_or(|socket| held.contains(&socket.addresses))
    };
    let mut is_due_again = false;
    let mut missing = Vec::new();
    for connection in listed {
        if is_held(&connection) {
            is_due_again |= connection.traffic.is_closed();
        } else if !connection.is_gone() {
            missing.push(connection);
        }
    }
    for (connection, closing) in with_closings(&missing) {
        match closing {
            Closing::By(SocketEnd::Unknown) if COUNTS.load(Ordering::Relaxed) => {
                match connection.missing() {
                    Some(at) => {
                        REGISTRY.gone(connection, &SocketGone::at(SocketEnd::Unknown, at));
                    }
                    None => is_due_again = true,
                }
            }
            Closing::By(end) => REGISTRY.gone(connection, &SocketGone::now(end)),
            Closing::NotBegun => is_due_again = true,
        }
    }
    is_due_again
}

/// This process holds the sockets of these connections no more, which was not announced so far. It
/// may be on its way, and says more where nothing else is left of a socket. A comparison follows, in
/// case that it does not come.
pub(super) fn gone_just_now(connections: &[Arc<Connection>]) {
    let mut is_due = false;
    for (connection, closing) in with_closings(connections) {
        match closing {
            Closing::By(SocketEnd::Unknown) | Closing::NotBegun => is_due = true,
            Closing::By(end) => REGISTRY.gone(connection, &SocketGone::now(end)),
        }
    }
    if is_due {
        check_soon();
    }
}

fn with_closings(
    connections: &[Arc<Connection>],
) -> impl Iterator<Item = (&Arc<Connection>, Closing)> {
    let addresses: Vec<_> = connections
        .iter()
        .filter_map(|connection| connection.info.addresses)
        .collect();
    let closings = kernel::closings(&addresses);
    let closings = closings.filter(|closings| closings.len() == connections.len());
    connections.iter().enumerate().map(move |(at, connection)| {
        let closing = closings.as_ref().map(|closings| closings[at]);
        (
            connection,
            closing.unwrap_or(Closing::By(SocketEnd::Unknown)),
        )
    })
}

/// Sockets ought to be gone soon.
pub(super) fn check_soon() {
    source().closes.check_soon();
}

/// Takes note of what was announced so far.
pub(super) fn flush() {
    source().closes.flush();
}

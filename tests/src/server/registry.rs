//! The connections that are open, and how a test reaches them.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::mpsc;

/// What a test can order of an open connection.
#[derive(Clone, Copy, Debug)]
pub(super) enum Command {
    /// Take no further request, and close when those in flight have ended.
    Drain,
    /// Close at once.
    Abort,
}

/// The open connections, by number.
#[derive(Debug, Default)]
pub(super) struct Registry(Mutex<HashMap<u64, Handle>>);

#[derive(Debug)]
struct Handle {
    in_flight: Arc<AtomicU64>,
    commands: mpsc::UnboundedSender<Command>,
}

impl Registry {
    /// Enters a connection; what is returned is its own end. The number counts
    /// its requests in flight.
    pub(super) fn enter(&self, number: u64) -> (Arc<AtomicU64>, mpsc::UnboundedReceiver<Command>) {
        let in_flight = Arc::new(AtomicU64::new(0));
        let (commands, received) = mpsc::unbounded_channel();
        let handle = Handle {
            in_flight: Arc::clone(&in_flight),
            commands,
        };
        self.lock().insert(number, handle);
        (in_flight, received)
    }

    pub(super) fn leave(&self, number: u64) {
        self.lock().remove(&number);
    }

    /// Tells every connection.
    pub(super) fn tell_all(&self, command: Command) {
        for handle in self.lock().values() {
            handle.order(command);
        }
    }

    /// Tells those that have no request in flight now.
    pub(super) fn tell_idle(&self, command: Command) {
        for handle in self.lock().values() {
            if handle.in_flight.load(Ordering::Relaxed) == 0 {
                handle.order(command);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Handle>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Handle {
    fn order(&self, command: Command) {
        // A connection that is closing no longer listens.
        let _ = self.commands.send(command);
    }
}

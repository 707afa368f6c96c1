//! The connections that are open, and how a test reaches them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering},
};

use tokio::sync::mpsc;

use super::exchange::Carried;

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
    carried: Arc<Carried>,
    commands: mpsc::UnboundedSender<Command>,
}

impl Registry {
    /// Enters a connection; what is returned is its own end.
    pub(super) fn enter(
        &self,
        number: u64,
        carried: &Arc<Carried>,
    ) -> mpsc::UnboundedReceiver<Command> {
        let (commands, received) = mpsc::unbounded_channel();
        let handle = Handle {
            carried: Arc::clone(carried),
            commands,
        };
        self.lock().insert(number, handle);
        received
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

    /// Tells one, if it is open.
    pub(super) fn order(&self, number: u64, command: Command) {
        if let Some(handle) = self.lock().get(&number) {
            handle.order(command);
        }
    }

    /// Tells those that have no request in flight now.
    pub(super) fn tell_idle(&self, command: Command) {
        for handle in self.lock().values() {
            if handle.carried.in_flight.load(Ordering::Relaxed) == 0 {
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

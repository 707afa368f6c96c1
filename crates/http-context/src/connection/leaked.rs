//! Looks after sockets that were left open, to resolve their leaks when they close after all.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::connection::Connection;
use super::ownership::{release_gone, still_held};
use crate::facts::Leak;
use crate::scope::Scope;
use crate::watch::{Watched, watch};

/// How often the operating system is asked for all of them at once. A close is noticed that much
/// late at the most.
const INTERVAL: Duration = Duration::from_millis(250);

struct Leaked {
    scope: Arc<Scope>,
    connection: Arc<Connection>,
    leak: Leak,
}

#[derive(Default)]
struct LeakedSockets {
    all: Vec<Leaked>,
    is_watched: bool,
}

/// Nothing of a user runs under it. The lock of the watch is taken under it.
static LEAKED: LazyLock<Mutex<LeakedSockets>> = LazyLock::new(Mutex::default);

/// Resolves this leak of a socket when the socket is gone.
pub(crate) fn report_when_closed(scope: Arc<Scope>, connection: Arc<Connection>, leak: Leak) {
    let mut leaked = LEAKED.lock();
    leaked.all.push(Leaked {
        scope,
        connection,
        leak,
    });
    if !std::mem::replace(&mut leaked.is_watched, true) {
        watch(Instant::now() + INTERVAL, Box::new(Look));
    }
}

struct Look;

impl Watched for Look {
    fn look(&mut self) -> Option<Instant> {
        let leaked = LEAKED.lock();
        let asked: Vec<_> = leaked
            .all
            .iter()
            .map(|one| Arc::clone(&one.connection))
            .collect();
        drop(leaked);
        // Where the operating system cannot be asked any more, nothing says that they are open.
        let held = still_held(&asked).unwrap_or_default();
        let has = |all: &[Arc<Connection>], one: &Leaked| {
            all.iter().any(|known| Arc::ptr_eq(known, &one.connection))
        };
        let is_gone = |one: &mut Leaked| has(&asked, one) && !has(&held, one);
        let mut leaked = LEAKED.lock();
        let gone: Vec<_> = leaked.all.extract_if(.., is_gone).collect();
        leaked.is_watched = !leaked.all.is_empty();
        let again = leaked.is_watched.then(|| Instant::now() + INTERVAL);
        drop(leaked);
        let closed: Vec<_> = gone.iter().map(|one| Arc::clone(&one.connection)).collect();
        release_gone(&closed);
        for Leaked { scope, leak, .. } in gone {
            scope.report_resolved(&leak);
        }
        again
    }

    fn is_over(&self) -> bool {
        false
    }
}

//! Looks after sockets that nobody waits for: those that were left open, to resolve their leaks when
//! they close after all, and those of contexts that were dropped, to cut them off.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use hashbrown::HashSet;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::connection::Connection;
use super::cut::cut_off;
use super::ownership::{release, release_gone, still_held};
use crate::facts::Leak;
use crate::identity::ConnectionId;
use crate::scope::Scope;
use crate::watch::{Watched, now, watch};

/// How long what was closed or cut off may take to be gone: its tasks have to be run by the runtime.
pub(crate) const CLOSES_WITHIN: Duration = Duration::from_secs(2);

/// How often the operating system is asked for all of them at once. A close is noticed that much
/// late at the most.
const INTERVAL: Duration = Duration::from_millis(250);

struct Socket {
    scope: Arc<Scope>,
    connection: Arc<Connection>,
    state: State,
}

enum State {
    /// It was closed, and is to be gone by then.
    Closing(Instant),
    /// It was reported as leaked.
    Leaked(Leak),
}

#[derive(Default)]
struct UnattendedSockets {
    all: Vec<Socket>,
    is_watched: bool,
}

/// Nothing of a user runs under it. The lock of the watch is taken under it.
static SOCKETS: LazyLock<Mutex<UnattendedSockets>> = LazyLock::new(Mutex::default);

/// Resolves this leak of a socket when the socket is gone.
pub(crate) fn report_when_closed(scope: Arc<Scope>, connection: Arc<Connection>, leak: Leak) {
    let state = State::Leaked(leak);
    look_after([Socket {
        scope,
        connection,
        state,
    }]);
}

/// Cuts off and reports what is left of these sockets in a while, since who has closed them waits for
/// none of them. Those that cannot be cut off are released at once.
pub(super) fn verify_later(
    scope: &Arc<Scope>,
    connections: Vec<Arc<Connection>>,
    within: Duration,
) {
    let (verified, others): (Vec<_>, Vec<_>) =
        connections.into_iter().partition(|one| one.can_be_cut());
    others.iter().for_each(release);
    if verified.is_empty() {
        return;
    }
    let gone_by = now() + within;
    look_after(verified.into_iter().map(|connection| Socket {
        scope: Arc::clone(scope),
        connection,
        state: State::Closing(gone_by),
    }));
}

fn look_after(added: impl IntoIterator<Item = Socket>) {
    let mut sockets = SOCKETS.lock();
    sockets.all.extend(added);
    if !std::mem::replace(&mut sockets.is_watched, true) {
        watch(now() + INTERVAL, Box::new(Look));
    }
}

struct Look;

impl Watched for Look {
    fn look(&mut self) -> Option<Instant> {
        let sockets = SOCKETS.lock();
        let asked: Vec<_> = sockets
            .all
            .iter()
            .map(|one| Arc::clone(&one.connection))
            .collect();
        drop(sockets);
        // Where the operating system cannot be asked any more, nothing says that they are open.
        let held: HashSet<_> = still_held(&asked)
            .unwrap_or_default()
            .iter()
            .map(id)
            .collect();
        let asked: HashSet<_> = asked.iter().map(id).collect();
        let now = now();
        let is_gone = |one: &mut Socket| {
            let id = id(&one.connection);
            asked.contains(&id) && !held.contains(&id)
        };
        let is_late = |one: &mut Socket| matches!(one.state, State::Closing(by) if by <= now);
        let mut sockets = SOCKETS.lock();
        let gone: Vec<_> = sockets.all.extract_if(.., is_gone).collect();
        let late: Vec<_> = sockets.all.extract_if(.., is_late).collect();
        drop(sockets);
        let closed: Vec<_> = gone.iter().map(|one| Arc::clone(&one.connection)).collect();
        release_gone(&closed);
        for Socket { scope, state, .. } in gone {
            if let State::Leaked(leak) = state {
                scope.report_resolved(&leak);
            }
        }
        let leaked = cut_late(&late);
        let mut sockets = SOCKETS.lock();
        sockets.all.extend(leaked);
        sockets.is_watched = !sockets.all.is_empty();
        sockets.is_watched.then(|| now + INTERVAL)
    }

    fn is_over(&self) -> bool {
        false
    }
}

/// Cuts these sockets off, and reports them as leaked.
fn cut_late(late: &[Socket]) -> Vec<Socket> {
    let connections = late.iter().map(|one| Arc::clone(&one.connection)).collect();
    let cut = cut_off(connections).into_iter().filter_map(|held| {
        let is_it = |one: &&Socket| Arc::ptr_eq(&one.connection, &held.connection);
        let scope = Arc::clone(&late.iter().find(is_it)?.scope);
        let leak = held.leak(&scope);
        scope.report_leak(&leak);
        Some(Socket {
            scope,
            connection: held.connection,
            state: State::Leaked(leak),
        })
    });
    cut.collect()
}

fn id(connection: &Arc<Connection>) -> ConnectionId {
    connection.info.id
}

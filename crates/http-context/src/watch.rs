//! Looks after what no task looks after: contexts that are open for too long, and leaked sockets.

use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use crate::context::{ContextInner, HttpContext};
use crate::leak::Leak;
use crate::sockets::{self, Connection};

/// How often at least it looks, while there is something to look after. What is overdue is told
/// that much late at the most.
const EVERY: Duration = Duration::from_millis(250);

/// How often at most.
const EVERY_AT_LEAST: Duration = Duration::from_millis(5);

#[derive(Default)]
struct Watched {
    /// Contexts that have a threshold and have not passed it.
    due: Vec<Weak<ContextInner>>,
    /// Sockets that were leaked, with the leak to resolve when they are gone.
    sockets: Vec<(HttpContext, Connection, Leak)>,
    has_thread: bool,
}

static WATCHED: LazyLock<Mutex<Watched>> = LazyLock::new(Mutex::default);

fn watched() -> MutexGuard<'static, Watched> {
    WATCHED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Tells when this context passes its threshold, unless it has exited by then.
pub(crate) fn until_overdue(context: Weak<ContextInner>) {
    let mut watched = watched();
    watched.due.push(context);
    ensure_thread(&mut watched);
}

/// Tells when this socket, whose leak was told, is gone.
pub(crate) fn until_closed(context: HttpContext, connection: Connection, leak: Leak) {
    let mut watched = watched();
    watched.sockets.push((context, connection, leak));
    ensure_thread(&mut watched);
}

/// There is a thread only while there is something to watch. It is no task, since it has to look
/// when a runtime is stuck.
fn ensure_thread(watched: &mut Watched) {
    if watched.has_thread {
        return;
    }
    let spawned = thread::Builder::new()
        .name("http-context-watch".into())
        .spawn(|| {
            while let Some(pause) = look() {
                thread::park_timeout(pause);
            }
        });
    // Without a thread nothing is told late; the next one to be watched tries again.
    watched.has_thread = spawned.is_ok();
}

/// Looks once; says when to look again, or that nothing is left to watch.
fn look() -> Option<Duration> {
    let due = std::mem::take(&mut watched().due);
    let mut pause = EVERY;
    let mut not_yet = Vec::with_capacity(due.len());
    for weak in due {
        let Some(context) = weak.upgrade().map(HttpContext::from_inner) else {
            continue;
        };
        let Some(left) = context.overdue_in() else {
            continue;
        };
        if left.is_zero() {
            context.tell_overdue();
        } else {
            pause = pause.min(left);
            not_yet.push(weak);
        }
    }
    // Taken before the loop: in its head the lock would be held to the loop's end.
    let sockets = std::mem::take(&mut watched().sockets);
    for (context, connection, leak) in sockets {
        if sockets::still_held(&[connection]).is_some_and(|held| !held.is_empty()) {
            watched().sockets.push((context, connection, leak));
        } else {
            let (addresses, id) = connection;
            sockets::release(addresses, id);
            context.tell_resolved(&leak);
        }
    }
    let mut watched = watched();
    watched.due.append(&mut not_yet);
    watched.has_thread = !watched.due.is_empty() || !watched.sockets.is_empty();
    watched.has_thread.then_some(pause.max(EVERY_AT_LEAST))
}

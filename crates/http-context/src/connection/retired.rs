//! The sessions that a context has closed, until its exit verifies what they had open.

use std::sync::Arc;

use parking_lot::Mutex;

use super::connection::Connection;
use super::session_connections::SessionConnections;

/// At this many sessions those are forgotten that have nothing open.
const FEWEST_TO_PRUNE: usize = 64;

/// One context may close its session very often.
#[derive(Default)]
pub(crate) struct RetiredSessions {
    /// Nothing of a user runs under it; the locks of the sessions' tables are taken under it.
    retired: Mutex<Retired>,
}

#[derive(Default)]
struct Retired {
    sessions: Vec<Arc<SessionConnections>>,
    /// At this many the operating system is asked again.
    prune_at: usize,
}

impl RetiredSessions {
    /// A session was closed that had connections.
    pub(crate) fn add(&self, session: Arc<SessionConnections>) {
        let mut retired = self.retired.lock();
        let is_due = retired.sessions.len() >= FEWEST_TO_PRUNE.max(retired.prune_at);
        let known = is_due.then(|| retired.sessions.clone());
        retired.sessions.push(session);
        drop(retired);
        let Some(known) = known else { return };
        // Without the lock, since observers may be notified.
        SessionConnections::forget_closed(&known);
        let mut retired = self.retired.lock();
        let over = retired.sessions.extract_if(.., |one| !one.has_any());
        let over: Vec<_> = over.collect();
        retired.prune_at = retired.sessions.len() * 2;
        drop(retired);
        drop(over);
    }

    pub(crate) fn all(&self) -> Vec<Arc<SessionConnections>> {
        self.retired.lock().sessions.clone()
    }

    /// Whether any connection is open or being made that nobody has taken.
    pub(crate) fn has_connections(&self) -> bool {
        self.all().iter().any(|session| session.has_any())
    }

    /// Takes every connection, to be verified and then released.
    pub(crate) fn take_connections(&self) -> Vec<Arc<Connection>> {
        let retired = std::mem::take(&mut *self.retired.lock()).sessions;
        retired.iter().flat_map(|session| session.take()).collect()
    }
}

#[cfg(all(target_os = "linux", not(http_context_no_kernel)))]
#[cfg(test)]
mod tests {
    use std::net::TcpStream;
    use std::time::Duration;

    use super::super::ownership::release;
    use super::super::sample::with_socket;
    use super::*;

    /// A closed session with one connection, and the ends of that.
    fn closed() -> (Arc<SessionConnections>, [TcpStream; 2]) {
        let session = Arc::new(SessionConnections::new(Duration::from_secs(2 * 60), true));
        let (addresses, ends) = with_socket();
        session.open_unobserved(addresses);
        session.close();
        (session, ends)
    }

    #[test]
    fn a_context_that_closes_its_session_often_keeps_those_that_have_sockets_open() {
        let retired = RetiredSessions::default();
        let (held, _ends) = closed();
        retired.add(Arc::clone(&held));
        for _ in 0..10 * FEWEST_TO_PRUNE {
            // Its socket is gone.
            retired.add(closed().0);
            assert!(retired.all().len() <= FEWEST_TO_PRUNE + 1);
        }
        assert!(Arc::ptr_eq(&retired.all()[0], &held));
        let left = retired.take_connections();
        assert!(
            left.len() > 1,
            "those that came last are verified at the exit"
        );
        left.iter().for_each(release);
        assert!(!retired.has_connections());
    }
}

//! Waiting for the sockets of a closed session to be gone, and cutting off those that stay.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::connection::Connection;
use super::cut::{self, HeldConnection};
use super::ownership::{self, release, release_gone};
use super::unattended::verify_later;
use crate::facts::HeldSocket;
use crate::scope::Scope;

/// How long whoever holds a socket may take to let it go when it is cut off: a task of this runtime,
/// for one, has to read the end.
const LET_GO_WITHIN: Duration = Duration::from_millis(100);

/// How often the tasks of connections are given a turn before time is given to them.
const TURNS_FOR_TASKS: u32 = 4;

/// So many sockets are asked for on the runtime's own thread: at some microseconds each that is
/// less than handing the question to another one.
const ASKED_IN_PLACE: usize = 8;

/// Connections of a session that has closed, whose sockets are to be gone.
#[derive(Default)]
pub(crate) struct ClosedConnections {
    connections: Vec<Arc<Connection>>,
    /// The context whose leaks those are that stay, if anybody looks for them.
    scope: Option<Arc<Scope>>,
    /// How long they may take, where nobody waits for them.
    within: Duration,
}

impl ClosedConnections {
    /// `scope` is the context whose leaks those are that stay, if anybody is to look for them, and
    /// `within` how long they may take to be gone where nobody waits for that.
    pub(crate) fn new(
        connections: Vec<Arc<Connection>>,
        scope: Option<Arc<Scope>>,
        within: Duration,
    ) -> Self {
        Self {
            connections,
            scope,
            within,
        }
    }

    /// Waits until the operating system shows none of their sockets, or until they are to be gone.
    /// What is held then is cut off, and given back.
    pub(crate) async fn verify(mut self, gone_by: Instant) -> Vec<HeldConnection> {
        let held = wait_for_close(self.connections.clone(), gone_by).await;
        let held = cut_off(held).await;
        self.scope = None;
        let is_gone = |one: &Arc<Connection>| {
            !held
                .iter()
                .any(|held| Arc::ptr_eq(&held.connection, one) && !held.is_gone)
        };
        self.connections.retain(is_gone);
        held
    }
}

/// Nobody waits for them any more: they are looked after in the background, or by nobody.
impl Drop for ClosedConnections {
    fn drop(&mut self) {
        let connections = std::mem::take(&mut self.connections);
        match &self.scope {
            Some(scope) => verify_later(scope, connections, self.within),
            None => connections.iter().for_each(release),
        }
    }
}

/// Cuts off the sockets of these connections, and waits a moment for those to be gone. One that has
/// closed by itself in the meantime is not given back.
pub(crate) async fn cut_off(held: Vec<Arc<Connection>>) -> Vec<HeldConnection> {
    if held.is_empty() {
        return Vec::new();
    }
    let asked = held.clone();
    // It looks through all descriptors of the process.
    let cut = tokio::task::spawn_blocking(|| cut::cut_off(asked)).await;
    let mut all = cut.unwrap_or_else(|_| HeldConnection::all_open(held));
    let is_cut = all.iter().filter(|one| one.socket == HeldSocket::Cut);
    let cut: Vec<_> = is_cut.map(|one| Arc::clone(&one.connection)).collect();
    let left = wait_for_close(cut, Instant::now() + LET_GO_WITHIN).await;
    for one in &mut all {
        let is_left = || left.iter().any(|left| Arc::ptr_eq(left, &one.connection));
        one.is_gone = one.socket == HeldSocket::Cut && !is_left();
    }
    all
}

/// Waits until the operating system shows none of these sockets, or until they are to be gone; gives
/// back those that are left. It is asked at least once.
pub(crate) async fn wait_for_close(
    mut connections: Vec<Arc<Connection>>,
    gone_by: Instant,
) -> Vec<Arc<Connection>> {
    let mut turns = 0;
    let mut pause = Duration::from_micros(200);
    while !connections.is_empty() {
        if turns < TURNS_FOR_TASKS {
            // A socket is closed by the task of its connection: most are after a turn or two.
            turns += 1;
            tokio::task::yield_now().await;
        } else {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(50));
        }
        let is_last = turns >= TURNS_FOR_TASKS && Instant::now() >= gone_by;
        let Some(held) = still_held(&connections).await else {
            // The operating system cannot be asked: the tasks have their turns, and what is left after
            // these is no proof of a leak.
            if turns < TURNS_FOR_TASKS {
                continue;
            }
            return Vec::new();
        };
        let is_held = |one: &Arc<Connection>| held.iter().any(|held| Arc::ptr_eq(held, one));
        let gone: Vec<_> = connections
            .iter()
            .filter(|one| !is_held(one))
            .cloned()
            .collect();
        release_gone(&gone);
        connections = held;
        if is_last {
            break;
        }
    }
    connections
}

async fn still_held(connections: &[Arc<Connection>]) -> Option<Vec<Arc<Connection>>> {
    if connections.len() <= ASKED_IN_PLACE {
        return ownership::still_held(connections);
    }
    let connections = connections.to_vec();
    // A panic there is the same as not being able to ask.
    tokio::task::spawn_blocking(move || ownership::still_held(&connections))
        .await
        .ok()
        .flatten()
}

#[cfg(all(target_os = "linux", not(http_context_no_kernel)))]
#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::net::TcpStream;
    use std::pin::pin;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::super::registry::REGISTRY;
    use super::super::sample::{Sample, with_socket};
    use super::super::unattended::CLOSES_WITHIN;
    use super::*;

    /// A connection whose socket is open, and the two ends of that.
    fn connected() -> (Arc<Connection>, [TcpStream; 2]) {
        let (addresses, ends) = with_socket();
        let connection = Sample::new().unobserved(addresses);
        REGISTRY.insert(&connection, false);
        (connection, ends)
    }

    #[test]
    fn an_exit_that_is_over_answers_for_no_socket() {
        let (connection, _ends) = connected();
        assert!(REGISTRY.has(&connection));
        drop(ClosedConnections::new(
            vec![Arc::clone(&connection)],
            None,
            CLOSES_WITHIN,
        ));
        assert!(!REGISTRY.has(&connection));
    }

    #[tokio::test(start_paused = true)]
    async fn a_socket_that_its_task_closes_costs_turns_and_no_time() {
        let (connection, ends) = connected();
        let begun = Instant::now();
        let closes = async move {
            tokio::task::yield_now().await;
            drop(ends);
        };
        let gone_by = Instant::now() + CLOSES_WITHIN;
        let waits = wait_for_close(vec![Arc::clone(&connection)], gone_by);
        let (left, ()) = tokio::join!(waits, closes);
        assert!(left.is_empty());
        assert!(!REGISTRY.has(&connection), "it is released");
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn tasks_have_their_turns_where_no_time_is_left() {
        let (connection, ends) = connected();
        let closes = async move {
            for _ in 0..TURNS_FOR_TASKS - 1 {
                tokio::task::yield_now().await;
            }
            drop(ends);
        };
        let waits = wait_for_close(vec![Arc::clone(&connection)], Instant::now());
        let (left, ()) = tokio::join!(waits, closes);
        assert!(left.is_empty());
        assert!(!REGISTRY.has(&connection), "it is released");
    }

    #[tokio::test(start_paused = true)]
    async fn a_socket_that_stays_is_asked_for_ever_more_seldom_and_given_back() {
        let (connection, _ends) = connected();
        let (begun, mut polls, mut polls_at_once) = (Instant::now(), 0, 0);
        let gone_by = Instant::now() + CLOSES_WITHIN;
        let mut waiting = pin!(wait_for_close(vec![Arc::clone(&connection)], gone_by));
        let left = poll_fn(|cx| {
            polls += 1;
            polls_at_once += u32::from(begun.elapsed().is_zero());
            assert!(polls < 100, "still asked for after {:?}", begun.elapsed());
            waiting.as_mut().poll(cx)
        });
        let left = left.await;
        assert!(matches!(&left[..], [one] if Arc::ptr_eq(one, &connection)));
        assert_eq!(polls_at_once, 1 + TURNS_FOR_TASKS);
        assert!(begun.elapsed() >= CLOSES_WITHIN);
        release(&connection);
    }

    #[test]
    fn only_many_sockets_are_asked_for_on_a_thread_of_their_own() {
        for (count, threads) in [(ASKED_IN_PLACE, 0), (ASKED_IN_PLACE + 1, 1)] {
            let started = Arc::new(AtomicUsize::new(0));
            let counted = Arc::clone(&started);
            let runtime = tokio::runtime::Builder::new_current_thread()
                .on_thread_start(move || {
                    counted.fetch_add(1, Ordering::Relaxed);
                })
                .build()
                .unwrap();
            let closed = (0..count).map(|_| connected().0).collect();
            let closed = ClosedConnections::new(closed, None, CLOSES_WITHIN);
            let left = runtime.block_on(still_held(&closed.connections)).unwrap();
            assert!(left.is_empty());
            assert_eq!(started.load(Ordering::Relaxed), threads);
        }
    }
}

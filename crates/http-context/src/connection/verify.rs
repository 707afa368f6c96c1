//! Waiting for the sockets of a closed session to be gone.

use std::time::Duration;

use tokio::time::Instant;

use super::kernel::{self, Connection};

/// How long what was closed or cut off may take to be gone: its tasks have to be run by the runtime.
pub(crate) const CLOSES_WITHIN: Duration = Duration::from_secs(2);

/// How often the tasks of connections are given a turn before time is given to them.
const TURNS_FOR_TASKS: u32 = 4;

/// So many sockets are asked for on the runtime's own thread: at some microseconds each that is
/// less than handing the question to another one.
const ASKED_IN_PLACE: usize = 8;

/// Connections that the exit no longer answers for once this is dropped.
#[derive(Default)]
pub(crate) struct ToRelease(pub(crate) Vec<Connection>);

impl Drop for ToRelease {
    fn drop(&mut self) {
        for (addresses, id) in &self.0 {
            kernel::release(*addresses, *id);
        }
    }
}

/// Waits until the operating system shows none of these sockets, or until they are to be gone; gives
/// back those that are left. It is asked at least once.
pub(crate) async fn wait_for_close(
    mut connections: Vec<Connection>,
    gone_by: Instant,
) -> Vec<Connection> {
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
        let is_last = Instant::now() >= gone_by;
        // Where the operating system cannot be asked, that is no proof of a leak.
        connections = still_held(connections).await.unwrap_or_default();
        if is_last {
            break;
        }
    }
    connections
}

async fn still_held(connections: Vec<Connection>) -> Option<Vec<Connection>> {
    if connections.len() <= ASKED_IN_PLACE {
        return kernel::still_held(&connections);
    }
    // A panic there cannot be told from not being able to ask.
    tokio::task::spawn_blocking(move || kernel::still_held(&connections))
        .await
        .ok()
        .flatten()
}

#[cfg(target_os = "linux")]
#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::net::TcpStream;
    use std::pin::pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// A socket that is open, with the end of its peer, and the connection that it belongs to.
    fn connected() -> (TcpStream, TcpStream, Connection) {
        let (socket, connection, peer) = kernel::tests::socket("127.0.0.1:0");
        kernel::claim(connection.0, connection.1);
        (socket, peer, connection)
    }

    #[test]
    fn an_exit_that_is_over_answers_for_no_socket() {
        let (_socket, _peer, connection) = connected();
        let answered_for = || kernel::still_held(&[connection]);
        assert_eq!(answered_for(), Some(vec![connection]));
        drop(ToRelease(vec![connection]));
        assert_eq!(answered_for(), Some(vec![]));
    }

    #[tokio::test(start_paused = true)]
    async fn a_socket_that_its_task_closes_costs_turns_and_no_time() {
        let (socket, _peer, connection) = connected();
        let begun = Instant::now();
        let closes = async move {
            tokio::task::yield_now().await;
            drop(socket);
        };
        let (left, ()) = tokio::join!(
            wait_for_close(vec![connection], Instant::now() + CLOSES_WITHIN),
            closes
        );
        assert_eq!(left, []);
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_socket_that_stays_is_asked_for_ever_more_seldom_and_given_back() {
        let (_socket, _peer, connection) = connected();
        let (begun, mut polls, mut polls_at_once) = (Instant::now(), 0, 0);
        let mut waiting = pin!(wait_for_close(
            vec![connection],
            Instant::now() + CLOSES_WITHIN
        ));
        let left = poll_fn(|cx| {
            polls += 1;
            polls_at_once += u32::from(begun.elapsed().is_zero());
            assert!(polls < 100, "still asked for after {:?}", begun.elapsed());
            waiting.as_mut().poll(cx)
        });
        assert_eq!(left.await, [connection]);
        assert_eq!(polls_at_once, 1 + TURNS_FOR_TASKS);
        assert!(begun.elapsed() >= CLOSES_WITHIN);
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
            let closed: Vec<_> = (0..count).map(|_| connected().2).collect();
            assert_eq!(runtime.block_on(still_held(closed)), Some(vec![]));
            assert_eq!(started.load(Ordering::Relaxed), threads);
        }
    }
}

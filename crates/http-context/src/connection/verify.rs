//! Waiting for the sockets of a closed session to be gone.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::connection::Connection;
use super::ownership::{self, release, release_gone};

/// How long what was closed or cut off may take to be gone: its tasks have to be run by the runtime.
pub(crate) const CLOSES_WITHIN: Duration = Duration::from_secs(2);

/// How often the tasks of connections are given a turn before time is given to them.
const TURNS_FOR_TASKS: u32 = 4;

/// So many sockets are asked for on the runtime's own thread: at some microseconds each that is
/// less than handing the question to another one.
const ASKED_IN_PLACE: usize = 8;

/// Connections that the exit no longer answers for once this is dropped.
#[derive(Default)]
pub(crate) struct ToRelease(pub(crate) Vec<Arc<Connection>>);

impl Drop for ToRelease {
    fn drop(&mut self) {
        self.0.iter().for_each(release);
    }
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
        let is_last = Instant::now() >= gone_by;
        let Some(held) = still_held(&connections).await else {
            // The operating system cannot be asked: that is no proof of a leak.
            return Vec::new();
        };
        let is_held = |one: &Arc<Connection>| held.iter().any(|held| Arc::ptr_eq(held, one));
        connections
            .iter()
            .filter(|one| !is_held(one))
            .for_each(release_gone);
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

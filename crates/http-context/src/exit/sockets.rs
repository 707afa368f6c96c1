//! Waiting for the sockets of a closed session to be gone.

use std::time::Duration;

use tokio::time::Instant;

use crate::context::HttpContext;
use crate::sockets::{self, Connection};

/// How long the sockets of a closed session may take to be gone: their tasks have to be run by
/// the runtime.
const SOCKETS_CLOSE_WITHIN: Duration = Duration::from_secs(2);

/// How often the tasks of connections are given a turn before time is given to them.
const TURNS_FOR_TASKS: u32 = 4;

/// So many sockets are asked for on the runtime's own thread: at some microseconds each that is
/// less than handing the question to another one.
const ASKED_IN_PLACE: usize = 8;

/// The connections of the sessions that the context has closed.
pub(super) fn to_release(context: &HttpContext) -> ToRelease {
    context
        .session_if_built()
        .map(|state| ToRelease(state.take_connections()))
        .unwrap_or_default()
}

/// Connections that the exit no longer answers for once this is dropped.
#[derive(Default)]
pub(super) struct ToRelease(pub(super) Vec<Connection>);

impl Drop for ToRelease {
    fn drop(&mut self) {
        for (addresses, id) in &self.0 {
            sockets::release(*addresses, *id);
        }
    }
}

/// Waits until the operating system shows none of these sockets, or for as long as it may take;
/// gives back those that are left.
pub(crate) async fn wait_for_close(mut connections: Vec<Connection>) -> Vec<Connection> {
    let deadline = Instant::now() + SOCKETS_CLOSE_WITHIN;
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
        let is_last = Instant::now() >= deadline;
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
        return sockets::still_held(&connections);
    }
    // A panic there cannot be told from not being able to ask.
    tokio::task::spawn_blocking(move || sockets::still_held(&connections))
        .await
        .ok()
        .flatten()
}

//! Faults of making a TCP connection.

use std::sync::Arc;

use http_context_tests::{RefusedPort, SilentPort, sockets};

use crate::names::resolving;
use crate::scene::{Column, Front, Scene};

/// The kernel refuses within the call, so the middle is right before it.
pub(crate) fn refused(_: Column) -> Scene {
    let refused = Arc::new(RefusedPort::new());
    let found = vec![refused.addr()];
    resolving(Front::Nobody(refused.addr()), Some(found))
        .keep(refused)
        .opens(0)
}

/// A connect that neither succeeds nor fails.
pub(crate) fn hanging() -> Scene {
    let silent = Arc::new(SilentPort::new());
    let addr = silent.addr();
    Scene::get(Front::Nobody(addr), format!("http://{addr}/"))
        .middle(sockets::wait_until(addr, 1))
        .keep(silent)
        .opens(0)
}

pub(crate) fn times_out(column: Column) -> Scene {
    hanging()
        .also(move |context| context.configure(move |client| client.connect_timeout(column.limit)))
}

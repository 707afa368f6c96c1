//! What became of connections, as a witness saw it.

use std::net::SocketAddr;
use std::time::Duration;

use http_context_tests::{Captured, ClosedBy, Served, Side};

/// One connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Witnessed {
    /// The client's end.
    pub(crate) client: SocketAddr,
    /// Who closed first, and how long after it was opened.
    pub(crate) closed: Option<(Side, Duration)>,
}

impl Witnessed {
    /// The established connections of a capture.
    pub(crate) fn captured(connections: impl IntoIterator<Item = Captured>) -> Vec<Self> {
        let established = connections.into_iter().filter(|c| c.is_established);
        let witnessed = established.map(|captured| Self {
            client: captured.local,
            closed: captured
                .closed
                .and_then(|close| Some((close.by, captured.lifetime()?))),
        });
        witnessed.collect()
    }

    /// The connections that a server has noted.
    pub(crate) fn served(connections: &[Served]) -> Vec<Self> {
        let witnessed = connections.iter().map(|served| {
            let by = match served.closed_by {
                ClosedBy::Client | ClosedBy::Error => Side::Local,
                ClosedBy::Server => Side::Remote,
            };
            Self {
                client: served.peer,
                closed: Some((by, served.closed.duration_since(served.accepted))),
            }
        });
        witnessed.collect()
    }
}

/// Those of the connections that were opened, as far as the client knows, and how many were not:
/// they were given up before they were ready, or their handshake has failed.
pub(crate) fn split(all: Vec<Witnessed>, known: &[SocketAddr]) -> (Vec<Witnessed>, Vec<Witnessed>) {
    let mut left = known.to_vec();
    all.into_iter().partition(|witnessed| {
        let found = left.iter().position(|known| *known == witnessed.client);
        found.map(|found| left.swap_remove(found)).is_some()
    })
}

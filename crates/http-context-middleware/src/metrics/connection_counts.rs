//! How many connections to a server are open, and how many of them have a request.

use parking_lot::Mutex;

/// The counts of one server. The lock protects the counts alone; the caller moves the gauges after
/// it.
///
/// Which connection a request is on is known only when its response head is there. Until then it
/// counts as being on one of the idle ones, as far as there are any: so a server that is slow to
/// answer is not shown with idle connections.
#[derive(Debug, Default)]
pub(crate) struct ConnectionCounts(Mutex<Counts>);

#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Connections that are open.
    pub(crate) open: i64,
    /// Of those, the ones known to have a request.
    pub(crate) busy: i64,
    /// Requests on a connection that is not known yet.
    pub(crate) waiting: i64,
    shown: Shown,
}

/// What the two gauges stand at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Shown {
    active: i64,
    idle: i64,
}

impl ConnectionCounts {
    /// Changes the counts. Returns the steps of the gauges of active and idle connections.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Counts)) -> (i64, i64) {
        let mut counts = self.0.lock();
        change(&mut counts);
        let active = (counts.busy + counts.waiting).clamp(0, counts.open.max(0));
        let shown = Shown {
            active,
            idle: counts.open - active,
        };
        let before = std::mem::replace(&mut counts.shown, shown);
        (shown.active - before.active, shown.idle - before.idle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_without_a_known_connection_counts_on_an_idle_one() {
        let connections = ConnectionCounts::default();
        assert_eq!(
            connections.change(|c| c.waiting += 1),
            (0, 0),
            "none is open"
        );
        assert_eq!(connections.change(|c| c.open += 2), (1, 1));
        assert_eq!(
            connections.change(|c| c.waiting += 3),
            (1, -1),
            "two are open"
        );
        let head = |c: &mut Counts| {
            c.waiting -= 1;
            c.busy += 1;
        };
        assert_eq!(connections.change(head), (0, 0));
        assert_eq!(connections.change(|c| c.waiting -= 3), (-1, 1));
        let close = |c: &mut Counts| {
            c.busy -= 1;
            c.open -= 1;
        };
        assert_eq!(connections.change(close), (-1, 0));
    }
}

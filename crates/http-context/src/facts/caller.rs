//! What the requests of one caller came to.

use std::fmt;

use super::counted::Counted;
use crate::caller::Caller;

/// The requests of one [`caller`](crate::caller()) in one context. What it counts is counted in the
/// fields of the same names of the [`ExitReport`](crate::ExitReport) as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallerReport {
    /// Whose they are.
    pub caller: Caller,
    /// Requests that were started, whatever became of them.
    pub requests: u64,
    /// Requests of plain clients that were answered or failed in its scope, as often as they were sent:
    /// see [`ExitReport::plain_requests`](field@crate::ExitReport::plain_requests).
    pub plain_requests: u64,
    /// Connections that they opened.
    pub connections_opened: u64,
    /// Responses to them that came over a connection which had been used before.
    pub connections_reused: u64,
    /// Bytes of their bodies, and of their upgraded connections, that were sent.
    pub bytes_sent: u64,
    /// Bytes of the bodies of their responses, and of their upgraded connections, that were received.
    pub bytes_received: u64,
}

/// One line.
impl fmt::Display for CallerReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.caller, Counted(self.requests, "request"))?;
        if self.plain_requests > 0 {
            write!(f, " and {} of plain clients", self.plain_requests)?;
        }
        write!(
            f,
            ", {} opened, {} reused",
            Counted(self.connections_opened, "connection"),
            self.connections_reused
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_line_names_requests_of_plain_clients_where_there_are_any() {
        // The process may have had too many names.
        let caller = Caller::named("billing");
        let mut report = CallerReport {
            caller,
            requests: 2,
            plain_requests: 0,
            connections_opened: 1,
            connections_reused: 1,
            bytes_sent: 0,
            bytes_received: 0,
        };
        assert_eq!(
            report.to_string(),
            format!("{caller}: 2 requests, 1 connection opened, 1 reused")
        );
        report.plain_requests = 3;
        assert_eq!(
            report.to_string(),
            format!("{caller}: 2 requests and 3 of plain clients, 1 connection opened, 1 reused")
        );
    }
}

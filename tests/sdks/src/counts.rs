//! What a server has counted.

/// Running totals, except [`open`](Counts::open) and [`in_flight`](Counts::in_flight).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections accepted.
    pub accepted: u64,
    /// Connections that are open now, upgraded ones included.
    pub open: u64,
    /// Requests whose head has come.
    pub requests: u64,
    /// Requests whose response has not ended yet.
    pub in_flight: u64,
    /// Responses that were sent to their end.
    pub completed: u64,
    /// Bytes of request bodies that the handlers have read.
    pub request_bytes: u64,
    /// Bytes of response bodies.
    pub response_bytes: u64,
    /// Bytes that came over connections after their upgrade.
    pub upgraded_received: u64,
    /// Bytes that went over connections after their upgrade.
    pub upgraded_sent: u64,
    /// All bytes that came over connections: what the others say cannot be more.
    pub wire_received: u64,
    /// All bytes that went over connections.
    pub wire_sent: u64,
}

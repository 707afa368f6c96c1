//! The connections of this process: who opened them, what they carry, and when and why they close.
//!
//! `reqwest` does not show its connections, so they are seen from four sides: a connector layer
//! sees them made ([`layer`]), a resolver sees their names looked up ([`resolve`]), the addresses
//! that come with a response say which of them carried it ([`session_connections`]), and the
//! operating system says which sockets are open ([`kernel`]) and which have gone ([`source`]). All
//! meet in one [`registry`], by address pair.

mod awaits_head;
mod closes;
mod connect_limit;
mod connecting;
#[expect(
    clippy::module_inception,
    reason = "one connection is the idea of this file"
)]
mod connection;
mod counters;
mod cut;
mod kernel;
mod layer;
mod open_connections;
mod ownership;
mod registry;
mod resolve;
mod response_connection;
mod retired;
#[cfg(test)]
pub(crate) mod sample;
mod session_connections;
mod source;
mod traffic;
mod unattended;
mod verify;

pub(crate) use awaits_head::AwaitsHead;
pub use closes::{CloseEvent, CloseSink, ClosedSocket, ConnectionCloses, NoCloses, SocketEnd};
pub(crate) use connection::Connection;
pub use connection::ConnectionSnapshot;
pub(crate) use cut::HeldConnection;
pub use kernel::KernelCloses;
pub(crate) use layer::{ConnectOptions, PlainLayer, PlainOwner, SessionLayer};
pub use open_connections::open_connections;
pub(crate) use ownership::{release, still_held};
pub(crate) use resolve::{ObservedResolver, SystemResolver};
pub(crate) use response_connection::ResponseConnection;
pub(crate) use retired::RetiredSessions;
pub(crate) use session_connections::SessionConnections;
pub use source::{ConnectionClosesAlreadySet, sees_connection_closes, set_connection_closes};
pub(crate) use unattended::{CLOSES_WITHIN, report_when_closed};
pub(crate) use verify::{ClosedConnections, cut_off, wait_for_close};

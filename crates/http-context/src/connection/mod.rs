//! The connections of a session: which are opened, which carry a response, and which are held.
//!
//! `reqwest` does not show its connections, so they are seen from three sides: a connector layer
//! sees them made ([`layer`]), a resolver sees their names looked up ([`resolve`]), and the
//! addresses that come with a response say which of them carried it ([`table`]). Whether a socket is
//! still open, only the operating system knows ([`kernel`], [`verify`]).

pub(crate) mod kernel;
mod layer;
mod leaked;
mod resolve;
mod table;
mod verify;

pub(crate) use layer::ConnectionLayer;
pub(crate) use leaked::report_when_closed;
pub(crate) use resolve::{ObservedResolver, SystemResolver};
pub(crate) use table::{ConnectionTable, ResponseConnection};
pub(crate) use verify::{CLOSES_WITHIN, ToRelease, wait_for_close};

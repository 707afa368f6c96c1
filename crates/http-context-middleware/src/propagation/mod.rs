//! Propagation of trace context: to which hosts, and in which headers.
//!
//! The exclusion of a host applies to each hop of a redirect, in `Observer::request_sending`, which is
//! called for each time that a request is sent, with headers to which observers have added nothing
//! for an earlier one.

mod choice;
mod excluded_hosts;
#[cfg(feature = "opentelemetry")]
mod trace_context;
#[cfg(feature = "opentelemetry")]
mod w3c;

pub use self::choice::Propagation;
pub(crate) use self::excluded_hosts::ExcludedHosts;
#[cfg(feature = "opentelemetry")]
pub(crate) use self::trace_context::{context_of, current_context, inject};

//! Propagation of trace context: to which hosts, and in which headers.
//!
//! The exclusion of a host applies to each hop of a redirect, in `Observer::request_sending`. This
//! needs two things from the core: it calls `request_sending` for each hop, after
//! `request_redirected` with the host of the hop, and with headers to which observers have not
//! added anything for an earlier hop. As long as `reqwest` follows redirects itself, all hops carry
//! the headers of the first one.

mod excluded_hosts;
#[cfg(feature = "opentelemetry")]
mod trace_context;

pub(crate) use self::excluded_hosts::ExcludedHosts;
#[cfg(feature = "opentelemetry")]
pub(crate) use self::trace_context::{context_of, current_context, inject};

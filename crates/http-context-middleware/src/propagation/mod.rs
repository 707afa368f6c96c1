//! Trace context on requests as they are sent: to which hosts, and in which headers.
//!
//! Each hop of a redirect is judged by its own host, in `Observer::request_sending`. That takes two
//! things of the core: it calls `request_sending` for each hop, after `request_redirected` has named
//! the hop's host, and with headers that have none of what was added for the hop before. Where
//! `reqwest` itself follows a redirect, the headers of the first hop go to all others.

mod excluded_hosts;
#[cfg(feature = "opentelemetry")]
mod trace_context;

pub(crate) use self::excluded_hosts::ExcludedHosts;
#[cfg(feature = "opentelemetry")]
pub(crate) use self::trace_context::{context_of, current_context, inject};

//! Spans, trace context and events, as an exporter receives them.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, and says where"
)]

mod called_back;
mod connection_spans;
mod context_span;
mod log_lines;
mod parents;
mod propagation;
mod request_spans;
mod resends;
mod secrets;
mod stage;
mod upgrade_spans;
mod w3c;

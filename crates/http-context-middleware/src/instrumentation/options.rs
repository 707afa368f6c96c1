//! The options that apply while requests run.

use std::sync::Arc;
use std::time::Duration;

use http::Extensions;

use crate::extensions::SpanAttributes;
use crate::headers::HeaderList;
use crate::propagation::{ExcludedHosts, Propagation};
use crate::span::Spans;

type AttributesOf = dyn Fn(&reqwest::Request, &Extensions) -> SpanAttributes + Send + Sync;

/// Options that apply while requests run.
#[derive(Clone)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a switch of its own, named in the builder"
)]
pub(crate) struct Options {
    pub(crate) spans: Spans,
    pub(crate) connection_spans: bool,
    pub(crate) queue_spans: bool,
    pub(crate) upgrade_spans: bool,
    pub(crate) body_sizes: bool,
    pub(crate) lookup_names: bool,
    pub(crate) slow_queue: Duration,
    pub(crate) propagation: Propagation,
    pub(crate) excluded_hosts: ExcludedHosts,
    pub(crate) request_headers: HeaderList,
    pub(crate) response_headers: HeaderList,
    pub(crate) attributes: Option<Arc<AttributesOf>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            spans: Spans::default(),
            connection_spans: false,
            queue_spans: false,
            upgrade_spans: false,
            body_sizes: false,
            lookup_names: false,
            slow_queue: Duration::from_secs(1),
            propagation: Propagation::default(),
            excluded_hosts: ExcludedHosts::default(),
            request_headers: HeaderList::default(),
            response_headers: HeaderList::default(),
            attributes: None,
        }
    }
}

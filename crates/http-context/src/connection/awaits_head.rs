//! A request that was sent, until its response head is there.

use std::sync::Arc;

use super::registry::REGISTRY;
use super::traffic::Traffic;

/// Held from the send of a request to its head, or its end without one.
pub(crate) struct AwaitsHead(Arc<Traffic>);

impl AwaitsHead {
    pub(super) fn new(traffic: &Arc<Traffic>) -> Self {
        traffic.begin_awaiting();
        Self(Arc::clone(traffic))
    }
}

impl Drop for AwaitsHead {
    fn drop(&mut self) {
        if self.0.end_awaiting() {
            REGISTRY.report_waiting(&self.0);
        }
    }
}

//! What the clients of a session connect with.

use std::any::Any;
use std::sync::{Arc, OnceLock};

use super::request::{CURRENT_REQUEST, RequestScope};
use crate::identity::RequestId;

/// So many clients may one session have: for all versions, for HTTP/1.1 alone, and for HTTP/2 by
/// prior knowledge.
const CLIENTS: usize = 3;

/// The connectors of one session, each at the place of its client.
#[derive(Default)]
pub(crate) struct Connectors([OnceLock<Box<dyn Any + Send + Sync>>; CLIENTS]);

tokio::task_local! {
    /// Those of who sends apart from any request of its own.
    static BESIDE: Beside;
}

struct Beside {
    connectors: Arc<Connectors>,
    /// The request that was current: one that becomes current later has its own.
    within: Option<RequestId>,
}

impl Connectors {
    /// Sets what is at a place, once.
    pub(crate) fn set<const AT: usize>(&self, connector: impl Any + Send + Sync) {
        // A client is built once; of one that is not, the first connector counts.
        let _ = self.0[AT].set(Box::new(connector));
    }

    /// What is at a place.
    pub(crate) fn at<const AT: usize, T: Any>(&self) -> Option<&T> {
        self.0[AT].get()?.downcast_ref()
    }

    /// Those of whoever sends in this task, and the request that it is, if it is one.
    pub(crate) fn current() -> (Option<Arc<Self>>, Option<Arc<RequestScope>>) {
        let request = CURRENT_REQUEST.try_with(Arc::clone).ok();
        let within = request.as_ref().map(|request| request.info.id);
        let beside = BESIDE
            .try_with(|beside| (beside.within == within).then(|| Arc::clone(&beside.connectors)));
        let beside = beside.ok().flatten();
        let of_request = || Some(Arc::clone(&request.as_ref()?.connectors));
        (beside.or_else(of_request), request)
    }

    /// Binds them for what is sent apart from the request that is current, if there is one.
    pub(crate) fn bind<T>(self: &Arc<Self>, send: impl FnOnce() -> T) -> T {
        let within = CURRENT_REQUEST.try_with(|request| request.info.id).ok();
        let connectors = Arc::clone(self);
        BESIDE.sync_scope(Beside { connectors, within }, send)
    }
}

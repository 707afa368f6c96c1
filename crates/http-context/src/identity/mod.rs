//! What names a thing: numbers, call sites, origins, and room for an observer's own state.

mod attached;
mod call_site;
mod id;
mod origin;

pub(crate) use attached::Attached;
pub use call_site::CallSite;
pub use id::{ConnectionId, ContextId, PoolId, RequestId, SessionId};
pub use origin::Origin;
pub(crate) use origin::{OriginKey, is_same_origin};

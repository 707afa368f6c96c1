//! Sessions as `tower` services, for SDKs that take one.

mod ambient;
mod captured;
mod convert;

pub use ambient::AmbientSession;
pub use captured::ServiceFuture;

//! What can go wrong: one type for each question that a caller may ask.

mod build;
mod chain;
mod context;
mod kind;
mod open;
mod pool;
mod redact;
mod redirect;
mod request;

pub use build::BuildError;
pub(crate) use chain::chain;
pub use context::{ContextClosed, NestedDenied, NoContext, SessionClosed};
pub use kind::ErrorKind;
pub(crate) use kind::NameNotResolved;
pub use open::{OpenError, SessionError};
pub use pool::{PoolError, PoolExhausted};
pub use redact::Redaction;
pub use redirect::RedirectError;
pub use request::RequestError;

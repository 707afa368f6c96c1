//! What can go wrong: one type for each question that a caller may ask.

mod body_too_large;
mod build;
mod chain;
mod classify;
mod connect_timeout;
mod context;
mod failure;
mod kept_request;
mod kind;
mod open;
mod pool;
mod queue_timeout;
mod read_timeout;
mod redact;
mod redact_text;
mod redirect;
mod request;
mod secrets;
mod upgrade;
mod version_advice;
#[cfg(feature = "websocket")]
mod websocket;
mod withheld;
mod withhold;

pub use body_too_large::BodyTooLarge;
pub use build::BuildError;
pub(crate) use chain::chain;
pub(crate) use classify::NameNotResolved;
pub use connect_timeout::ConnectTimeout;
pub use context::{ContextClosed, NestedDenied, NoContext, SessionClosed};
pub use failure::RequestFailure;
pub(crate) use kept_request::KeptRequest;
pub use kind::ErrorKind;
pub use open::{OpenError, SessionError};
pub use pool::{PoolError, PoolExhausted};
pub use queue_timeout::QueueTimeout;
pub use read_timeout::ReadTimeout;
pub use redact::Redaction;
pub use redirect::RedirectError;
pub(crate) use request::FailedRequest;
pub use request::RequestError;
pub(crate) use secrets::Secrets;
pub use upgrade::UpgradeError;
#[cfg(feature = "websocket")]
pub use websocket::{HandshakeMismatch, WebSocketError, WebSocketRefusal};
pub use withheld::WithheldError;
pub(crate) use withhold::withhold;

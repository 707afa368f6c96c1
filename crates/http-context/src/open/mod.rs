//! Opens a context around some work, and closes it on every way out.
//!
//! [`open`], [`job`] and the methods of [`ContextBuilder`] make the same future ([`run`]), which
//! decides at its first poll ([`start`]): a fresh context, pass through, or refused.

mod builder;
mod context_body;
mod functions;
mod future;
mod http_layer;
mod layer;
mod output;
mod request_defaults;
mod run;
mod start;
mod work;

pub use builder::{ContextBuilder, builder};
pub use context_body::ContextBody;
pub use functions::{job, open};
pub use future::Open;
pub use http_layer::{HttpContextFuture, HttpContextLayer, HttpContextService};
pub use layer::{ContextLayer, ContextService};
pub use output::{FromOpenError, OpenOutput};
pub use run::OpenWithReport;
pub use work::Work;
#[doc(hidden)]
pub use work::{ClosureWork, FutureWork};

//! One request, from its admission to the end of its body.
//!
//! An [`Exchange`] owns what is abortable: the future of the request, then the body of the
//! response. The caller's future and body only point to it. So an exit can drop the inner one, and
//! with it the connection, even while the caller holds on and never polls again.
//!
//! A request ends exactly once: whoever takes the stage out of its lock notifies of the end.

mod body_limit;
mod dispatch;
mod final_url;
mod frames;
mod in_flight;
mod leak;
#[cfg(all(test, http_context_loom))]
mod models;
mod open_upgrades;
mod poll_body;
mod poll_request;
mod received;
mod request_body;
mod response_body;
mod state;
#[cfg(feature = "websocket")]
mod upgrade_control;
mod upgrade_handle;
mod upgraded;
mod upgraded_io;

pub(crate) use dispatch::Dispatch;
pub use final_url::FinalUrl;
pub(crate) use open_upgrades::{OpenUpgrade, open_upgrades};
pub(crate) use request_body::track as track_request_body;
pub(crate) use state::{Exchange, RequestOptions, Requests};
#[cfg(feature = "websocket")]
pub(crate) use upgrade_control::UpgradeControl;
pub(crate) use upgrade_handle::UpgradeHandle;
#[cfg(feature = "websocket")]
pub(crate) use upgraded_io::Farewell;

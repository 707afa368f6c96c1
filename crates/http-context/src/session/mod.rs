//! Sessions: the handles that code under a context works with, and the state behind them.
//!
//! [`HttpSession`] is the handle; [`Sessions`] is what a context keeps for them: one session after
//! another, at most one of them open ([`lifecycle`]). Its transport is built for it or comes with a
//! permit of a pool ([`permit`]). Clients for SDKs are made of it: [`client`], and [`plain`].

#[cfg(feature = "websocket")]
mod borrowed;
mod client;
mod draft;
mod execute;
mod features;
mod handle;
mod hold;
mod lifecycle;
#[cfg(all(test, http_context_loom))]
pub(crate) mod models;
mod no_handshake;
mod permit;
mod plain;
mod request;
mod request_content;
mod request_options;
mod request_parts;
mod sessions;
mod transport_build;
mod upgrade;
mod url_memo;

#[cfg(feature = "websocket")]
pub(crate) use borrowed::Borrow;
pub use handle::HttpSession;
pub use request::RequestBuilder;
pub(crate) use sessions::{SessionOrigin, Sessions};
pub use upgrade::Upgraded;

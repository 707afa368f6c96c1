//! Ambient HTTP sessions for Tokio tasks that prove they close.
mod body;
mod builder;
mod children;
mod client;
mod config;
mod connection;
mod context;
mod current;
mod error;
mod exchange;
mod execute;
mod exit;
mod host_slots;
mod id;
mod in_flight;
mod join_set;
mod layer;
mod leak;
mod nested;
mod observer;
mod open;
mod place;
mod redact;
mod report;
mod request;
mod request_info;
mod session;
mod sockets;
mod spawn;
mod tls;
mod transport;
mod upload;

pub use builder::{ContextBuilder, builder};
pub use connection::{AddressPair, ConnectFailure, ConnectionInfo, ConnectionUse, NameLookup};
pub use context::HttpContext;
pub use current::{current, http_session};
pub use error::{
    BuildError, ContextClosed, NestedDenied, NoContext, OpenError, RequestError, SessionClosed,
    SessionError,
};
pub use id::{ConnectionId, ContextId, RequestId, SessionId};
pub use join_set::JoinSet;
pub use layer::{ContextLayer, ContextService};
pub use leak::{Leak, LeakKind, LeakPolicy};
pub use nested::{NestedOpen, NestedPolicy};
pub use observer::{
    BodyEnd, BodyEndReason, Observer, ObserverAlreadySet, ResponseHead, SessionSource,
    set_default_observer,
};
pub use open::{ClosureWork, FutureWork, Open, OpenWithReport, Work, open};
pub use place::Place;
pub use redact::Redaction;
pub use report::{ExitReport, Outcome};
pub use request::RequestBuilder;
pub use request_info::RequestInfo;
pub use session::HttpSession;
pub use spawn::{FutureExt, InContext, spawn, spawn_blocking};
pub use tls::{HttpVersions, Tls, warm_up};

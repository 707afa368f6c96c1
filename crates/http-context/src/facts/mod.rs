//! What an observer is given: who, where, when, and how it ended.
//!
//! These types know no machinery. Everything that keeps a context going points down to them.

mod caller;
mod connection;
mod context;
mod counted;
mod exit;
mod leak;
mod leak_progress;
mod nested;
mod phase;
mod plain;
mod pool;
mod request;
mod response;
mod session;
mod upgrade;
mod upgrade_traffic;

pub use caller::CallerReport;
pub use connection::{
    AddressPair, CloseReason, ConnectAbandoned, ConnectFailure, ConnectStarted, ConnectionClosed,
    ConnectionInfo, ConnectionUse, NameLookup,
};
pub use context::ContextInfo;
pub(crate) use counted::Counted;
pub use exit::{ExitReport, Outcome};
pub use leak::{HeldSocket, Leak, LeakKind, LeakPolicy};
pub use leak_progress::LeakProgress;
pub use nested::{NestedOpen, NestedPolicy};
pub(crate) use phase::Phase;
pub use plain::PlainRequest;
pub use pool::{
    PoolCheckout, PoolCloseReason, PoolReturn, PoolSessionCreated, PoolStatus, PoolTimeout,
};
pub use request::{QueueWait, Redirect, RequestInfo};
pub(crate) use request::{Upload, UploadCut};
pub use response::{AttemptAnswered, BodyEnd, BodyEndReason, ResponseHead};
pub use session::{SessionEnded, SessionSource, SessionStarted};
pub use upgrade::{Upgrade, UpgradeEnd, UpgradeEndReason, UpgradeProtocol};
pub use upgrade_traffic::{Direction, MessageType, UpgradeTraffic};

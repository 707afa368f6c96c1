//! What a user's job is: its type, its function, and what the function is given and returns.
//!
//! A [`Kind`] is a job type with its function. What a worker knows of it behind that is [`AnyKind`], which
//! has no type parameter: a job waits as the JSON text of its line, is read and run behind `dyn`, and
//! comes back as text. So queues, results and the command line are compiled once, whatever the jobs are.

mod any_kind;
mod context;
mod control;
mod duration;
mod error;
mod example;
mod failures;
mod function;
mod hooks;
mod kind;
mod kinds;
mod live;
mod unreadable;

pub(crate) use self::any_kind::{AnyKind, Begun, JobOutput};
pub use self::context::JobContext;
pub(crate) use self::context::JobShared;
pub(crate) use self::control::{Control, ControlsJobs, Done, JobName, NotDone};
pub(crate) use self::duration::AttemptStatus;
pub use self::error::JobError;
pub(crate) use self::error::{Again, BoxError};
pub(crate) use self::failures::{FailedAttempt, RecentFailures};
pub use self::function::JobFunction;
pub(crate) use self::hooks::Hooks;
pub use self::hooks::JobEnd;
pub use self::kind::Kind;
pub(crate) use self::kinds::{Kinds, KnownKind};
pub(crate) use self::live::{LiveJobs, RunView};

//! A job worker that runs each job in its own HTTP context.
//!
//! The program is the binary `http-context-worker`; this library is what it is made of, for tests
//! and benchmarks. Jobs are lines of JSON ([`job`]); they wait in a queue (embedded, or in a Redis
//! that many processes share), run each in a context of their own ([`http_context`]) with a session
//! that they hand on, and leave one result line each ([`results`]).
//!
//! The folders, lowest first; each knows those above it in this table, and none knows the command
//! line:
//!
//! | folder | what |
//! |---|---|
//! | `job` | what a job is |
//! | `attempt` | its requests or its conversation, and when it is tried again |
//! | `progress` | sums, for whoever looks |
//! | `results` | result lines and rejected lines, in files that survive a crash |
//! | `queue` | where jobs wait: `embedded` in `SQLite`, or `redis` |
//! | `input` | the file of jobs |
//! | `result_writer` | from finished attempts to lines and to the queue, in one commit |
//! | `handler` | one attempt in its context |
//! | `run` | all of it from start to end; `run::enqueue` is its first half |
//! | `admin`, `telemetry`, `log` | what can be seen of it |
//! | `cli` | the command line, the demo, and what stands on a terminal |

mod admin;
mod attempt;
mod cli;
mod failure;
mod grouped;
mod handler;
mod input;
pub mod job;
mod log;
mod progress;
mod queue;
mod redact;
mod result_writer;
pub mod results;
mod run;
mod telemetry;

pub use attempt::outcome::{JobOutcome, WebSocketOutcome};
pub use attempt::retry::Retry;
pub use attempt::run_job::{JobCode, run_job};
pub use attempt::send::RequestOutcome;
pub use cli::demo::upstream;
pub use cli::main;
pub use failure::Failure;
pub use input::{InputError, JobsFrom};
pub use progress::Progress;
pub use progress::tally::{Tally, WebSockets};
pub use queue::{QueueError, RedisAddress, RedisUrl, StateError};
pub use results::output::{OutputError, Target};
pub use results::rejects::Reject;
pub use run::signals::{Signal, Signals};
pub use run::summary::{Jobs, Summary};
pub use run::{Ended, Plan, QueueAddress, run};

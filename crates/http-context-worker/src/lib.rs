//! A worker for jobs that make HTTP requests: each runs in its own HTTP context, and proves that it closed.
//!
//! A worker is a job type, an async function, and a name:
//!
//! ```no_run
//! use http_context_worker::{JobError, Worker};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize)]
//! struct Mail {
//!     to: String,
//! }
//!
//! async fn send(mail: Mail) -> Result<u16, JobError> {
//!     let session = http_context::http_session().map_err(JobError::failed)?;
//!     let sent = session.post("http://mail.internal/send").body(mail.to).send().await;
//!     Ok(sent.map_err(JobError::failed)?.status().as_u16())
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     Worker::new("mailer", send).main()
//! }
//! ```
//!
//! Jobs are lines of JSON ([`JobLine`]); they wait in a queue (embedded, or in a Redis or a PostgreSQL that many processes
//! share), run each in a context of their own ([`http_context`]) with a session that they hand on, and
//! leave one result line each. Killed at any moment and started again, a worker loses no job and writes no
//! result twice.
//!
//! | to | there is |
//! |---|---|
//! | make a program of it | [`Worker::main`] |
//! | have several kinds of jobs, each with its bounds | [`Worker::builder`], [`Kind`] |
//! | know the attempt, say that it should be made again | [`JobContext`], [`JobError`] |
//! | run it in a program with a `main` of its own | [`Worker::run`], [`Plan`], [`Signals`] |
//! | queue jobs by calls, and for a time to come | [`JobQueue`] |
//! | queue jobs by the calendar | `Schedule`, with the feature `cron` |
//! | have results in a database or a channel | [`Plan::results_to`] |
//! | have the same telemetry and admin page in a service without a queue | [`Telemetry`], [`Admin`] |
//! | run requests as jobs, without a line of code | the program `http-context-worker`, which is [`program`] |
//!
//! # Features
//!
//! | feature | brings | costs |
//! |---|---|---|
//! | `otlp` (on by default) | traces and metrics over OTLP by HTTP, as soon as the `OTEL_*` variables ask for it | 20 s |
//! | `otlp-grpc` | the same by gRPC as well | 15 s |
//! | `redis` | queues in Redis, which many processes share | 30 s |
//! | `cron` | jobs by the calendar | a few seconds |
//!
//! The cost is about how much of a processor's time a first release build takes more, which takes some six minutes
//! of it with what is on by default.
//!
//! A program that is asked for what it is built without says which feature it lacks, and ends.
//!
//! # Inside
//!
//! The folders, lowest first; each knows those above it in this table, and none but the last two knows
//! the command line:
//!
//! | folder | what |
//! |---|---|
//! | `features` | what a program says that lacks one |
//! | `run_at`, `line`, `retry` | when a job may run, what every line of jobs is, and when a failed job is tried again |
//! | `schedule` | jobs by the calendar |
//! | `progress` | sums, for whoever looks |
//! | `results` | result lines and rejected lines, in files that survive a crash |
//! | `queue` | where jobs wait: `embedded` in `SQLite`, `redis`, or `postgres` |
//! | `jobs` | a job type with its function, and what is left of them without the type |
//! | `input` | the file of jobs |
//! | `result_writer` | from finished attempts to lines and to the queue, in one commit |
//! | `handler` | one attempt in its context |
//! | `job_queue` | a queue that is filled by calls |
//! | `admin`, `telemetry`, `log` | what can be seen of it |
//! | `run` | all of it from start to end; `run::enqueue` is its first half |
//! | `cli` | the command line, and what stands on a terminal |
//! | `worker` | what a user puts together |
//! | `program` | the program, whose jobs are requests |

mod admin;
mod cli;
mod error_text;
mod failure;
#[cfg(not(all(feature = "redis", feature = "otlp-grpc")))]
mod features;
mod grouped;
mod handler;
mod input;
mod job_queue;
mod jobs;
mod line;
mod log;
mod panics;
pub mod program;
mod progress;
mod queue;
mod redact;
mod result_writer;
mod results;
mod retry;
mod run;
mod run_at;
#[cfg(feature = "cron")]
mod schedule;
mod telemetry;
mod worker;

pub use admin::{Admin, AdminServer, AdminService, AdminToken, BadAdminToken};
pub use failure::Failure;
pub use input::{InputError, JobsFrom};
pub use job_queue::{EnqueueError, Enqueued, JobQueue, QueueAddress};
pub use jobs::{JobContext, JobEnd, JobError, JobFunction, Kind};
pub use line::{BadField, JobLine, MAX_ID_BYTES, MAX_LINE_BYTES};
pub use log::{LogFormat, LogLevel};
pub use progress::Progress;
pub use progress::tally::{Tally, WebSockets};
#[cfg(feature = "postgres")]
pub use queue::{PostgresAddress, PostgresUrl};
pub use queue::{QueueError, StateError};
#[cfg(feature = "redis")]
pub use queue::{RedisAddress, RedisUrl};
pub use results::function::JobResult;
pub use results::output::{OutputError, Target};
pub use retry::RetryPolicy;
pub use run::signals::{Signal, Signals};
pub use run::summary::{Jobs, Summary};
pub use run::{Ended, Plan};
#[cfg(feature = "cron")]
pub use schedule::Schedule;
pub use telemetry::{Telemetry, TelemetryBuilder};
pub use worker::{Worker, WorkerBuilder};

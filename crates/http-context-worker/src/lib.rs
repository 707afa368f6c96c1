#![doc = include_str!("../README.md")]
//!
//! # What there is
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
//! | see it under axum, tonic and apalis, in production and in trouble | the [`guide`] |
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
#![cfg_attr(docsrs, feature(doc_cfg))]

mod admin;
mod cli;
#[cfg(any(feature = "otlp", feature = "postgres", feature = "redis"))]
mod cryptography;
mod error_text;
mod failure;
#[cfg(not(all(
    feature = "redis",
    feature = "otlp-grpc",
    any(feature = "aws-lc-rs", feature = "ring")
)))]
mod features;
mod grouped;
pub mod guide;
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
mod terminal;
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

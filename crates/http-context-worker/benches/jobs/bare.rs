//! The bare engine, with a function that does nothing.

use std::convert::Infallible;
use std::task::{Context, Poll};
use std::time::Duration;

use apalis::layers::WorkerBuilderExt as _;
use apalis::prelude::{
    BackendExt as _, ParallelizeExt as _, PollSnapshot, PollStrategy, TaskBuilder, TaskSink as _,
    WorkerBuilder,
};
use apalis_postgres::PostgresStorage;
use apalis_redis::RedisStorage;
use apalis_sqlite::SqliteStorage;
use futures_util::stream;
use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use tokio::time::{Interval, interval};

use super::CONCURRENCY;
use super::counter::{count, report_until_asked};
use super::role::runtime;

const QUEUE: &str = "bare";

/// As often as the worker looks.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What becomes of a job that is done.
const ACKNOWLEDGED: &str = "acknowledged";

/// Jobs are in the queue alone.
pub(crate) const FILL: &str = "fill";

/// Looks whenever a job ends, as the engine does by itself, and now and then.
struct Look(Interval);

impl PollStrategy for Look {
    fn poll_drive(&mut self, cx: &mut Context<'_>, _: &PollSnapshot) -> Poll<Option<()>> {
        self.0.poll_tick(cx).map(|_| Some(()))
    }
}

async fn nothing(_: u64) -> Result<(), Infallible> {
    count();
    Ok(())
}

macro_rules! work_off {
    ($storage:expr) => {{
        let worker = WorkerBuilder::new(format!("bare-{}", std::process::id()).as_str())
            .backend($storage.poll_with_strategy(Look(interval(LOOK_EVERY))))
            .concurrency(CONCURRENCY)
            .parallelize(tokio::spawn)
            .build(nothing);
        tokio::select! {
            ended = worker.run() => ended.unwrap(),
            () = report_until_asked() => {}
        }
    }};
}

/// Of no time, so that they are to be run at once and in their order.
macro_rules! fill {
    ($storage:expr, $jobs:expr) => {{
        let all: Vec<u64> = (0..$jobs).collect();
        for some in all.chunks(500) {
            let tasks = some
                .iter()
                .map(|job| TaskBuilder::new(*job).run_at_timestamp(0).build());
            $storage.push_all(stream::iter(tasks)).await.unwrap();
        }
    }};
}

/// Works off a queue, which it fills first if there are jobs to fill it with, until standard input ends.
/// Jobs that are done are acknowledged, as the engine does by itself, or forgotten, as the worker has it,
/// which settles them beside the engine.
pub(crate) fn main(name: &str, jobs: u64, work: &str) {
    let is_acknowledged = work == ACKNOWLEDGED;
    runtime().block_on(async {
        if name.starts_with("redis:") {
            let connection = apalis_redis::connect(name).await.unwrap();
            let config = apalis_redis::Config::default()
                .queue(QUEUE)
                .batch_size(16)
                .persist_results(is_acknowledged)
                .lock_tasks(is_acknowledged);
            let mut storage = RedisStorage::<u64>::new(connection).with_config(config);
            fill!(storage, jobs);
            if work != FILL {
                work_off!(storage);
            }
        } else if name.starts_with("postgres:") {
            let options = PgPoolOptions::new().max_connections(10);
            let pool = options.connect(name).await.unwrap();
            PostgresStorage::setup(&pool).await.unwrap();
            let config = apalis_postgres::Config::default()
                .queue(QUEUE)
                .batch_size(CONCURRENCY)
                .persist_results(is_acknowledged)
                .lock_tasks(is_acknowledged);
            let mut storage = PostgresStorage::<u64>::new(&pool).with_config(config);
            fill!(storage, jobs);
            if work != FILL {
                work_off!(storage);
            }
        } else {
            let pool = sqlite(name).await;
            let config = apalis_sqlite::Config::default()
                .queue(QUEUE)
                .batch_size(CONCURRENCY)
                .persist_results(is_acknowledged)
                .lock_tasks(is_acknowledged);
            let mut storage = SqliteStorage::<u64>::new(&pool).with_config(config);
            fill!(storage, jobs);
            work_off!(storage);
        }
    });
}

/// A database as the worker has it.
async fn sqlite(name: &str) -> sqlx::SqlitePool {
    let folder = tempfile::tempdir().unwrap().keep();
    let options = SqliteConnectOptions::new()
        .filename(folder.join("queue.sqlite"))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(if name == "embedded" {
            SqliteSynchronous::Off
        } else {
            SqliteSynchronous::Normal
        });
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .acquire_timeout(Duration::from_mins(10))
        .connect_with(options)
        .await
        .unwrap();
    SqliteStorage::setup(&pool).await.unwrap();
    pool
}

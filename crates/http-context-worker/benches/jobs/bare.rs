//! The bare engine, with a function that does nothing, and acknowledged as it comes.

use std::convert::Infallible;
use std::time::Duration;

use apalis::layers::WorkerBuilderExt as _;
use apalis::prelude::{BackendExt as _, ParallelizeExt as _, TaskSink as _, WorkerBuilder};
use apalis_redis::RedisStorage;
use apalis_sqlite::SqliteStorage;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use super::counter::{count, report_until_asked};
use super::{CONCURRENCY, processes};

const QUEUE: &str = "bare";
const LOOK_EVERY: Duration = Duration::from_millis(100);

async fn nothing(_: u64) -> Result<(), Infallible> {
    count();
    Ok(())
}

macro_rules! work_off {
    ($storage:expr) => {{
        let backend = $storage.poll_with_interval(LOOK_EVERY);
        let worker = WorkerBuilder::new(format!("bare-{}", std::process::id()).as_str())
            .backend(backend)
            .concurrency(CONCURRENCY)
            .parallelize(tokio::spawn)
            .build(nothing);
        tokio::select! {
            ended = worker.run() => ended.unwrap(),
            () = report_until_asked() => {}
        }
    }};
}

macro_rules! fill {
    ($storage:expr, $jobs:expr) => {{
        let all: Vec<u64> = (0..$jobs).collect();
        for some in all.chunks(500) {
            $storage.push_bulk(some.to_vec()).await.unwrap();
        }
    }};
}

/// Works off a queue, which it fills first if there are jobs to fill it with, until standard input ends.
/// `"fill"` instead of a work fills it alone.
pub(crate) fn main(name: &str, jobs: u64, work: &str) {
    processes::runtime().block_on(async {
        if name.starts_with("redis:") {
            let connection = apalis_redis::connect(name).await.unwrap();
            let config = apalis_redis::Config::default().queue(QUEUE).batch_size(16);
            let mut storage = RedisStorage::<u64>::new(connection).with_config(config);
            fill!(storage, jobs);
            if work != "fill" {
                work_off!(storage);
            }
        } else {
            let pool = sqlite(name).await;
            let config = apalis_sqlite::Config::default()
                .queue(QUEUE)
                .batch_size(CONCURRENCY);
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

//! PostgreSQL, as it tells of itself.

use std::path::Path;
use std::process::Child;

use sqlx::{Connection as _, PgConnection};
use tokio::runtime::Runtime;

use crate::loads::Engine;
use crate::role::runtime;
use crate::servers;

pub(crate) struct Postgres(Runtime, PgConnection);

impl Postgres {
    fn count(&mut self, question: &'static str) -> i64 {
        let asked = sqlx::query_scalar(question).fetch_one(&mut self.1);
        self.0.block_on(asked).unwrap()
    }
}

impl Engine for Postgres {
    const NAME: &'static str = "PostgreSQL";
    const WORKERS: &'static [usize] = &[1, 10, 100, 250, 1_000];
    const QUESTIONS: &'static str = "transactions";

    /// For more than 100 connections, of which each worker has several.
    fn start(folder: &Path) -> (Child, String) {
        servers::postgres(folder, &["max_connections=5000"])
    }

    fn connect(url: &str) -> Self {
        let runtime = runtime();
        let connection = runtime.block_on(PgConnection::connect(url)).unwrap();
        Self(runtime, connection)
    }

    fn workers(&mut self) -> usize {
        let known = self.count("SELECT count(*) FROM apalis.workers");
        usize::try_from(known).unwrap()
    }

    fn unfinished(&mut self) -> usize {
        let left =
            self.count("SELECT count(*) FROM (SELECT FROM apalis.jobs LIMIT 1) AS unfinished");
        usize::try_from(left).unwrap()
    }

    fn left(&mut self) -> usize {
        let left = self.count("SELECT count(*) FROM apalis.jobs");
        usize::try_from(left).unwrap()
    }

    fn connections(&mut self) -> usize {
        let all = self
            .count("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'");
        usize::try_from(all).unwrap() - 1
    }

    fn questions(&mut self) -> u64 {
        let all = self.count(
            "SELECT (xact_commit + xact_rollback)::bigint FROM pg_stat_database WHERE datname = 'postgres'",
        );
        all.unsigned_abs()
    }

    fn bytes(&mut self) -> Option<u64> {
        None
    }
}

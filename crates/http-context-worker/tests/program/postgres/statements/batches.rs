//! What queues a batch.

use apalis_postgres::queries::push_tasks;
use sqlx::Row as _;
use sqlx::postgres::PgPool;

use super::start;
use crate::support::until;

const ADD: &str = include_str!("../../../../src/queue/postgres/add.sql");

pub(super) async fn add(pool: &PgPool, batch: i64, jobs: &[(&str, i64)]) -> Vec<(Vec<u8>, i64)> {
    let known = add_behind(pool, None, batch, jobs).await;
    known.into_iter().map(Option::unwrap).collect()
}

/// Queues as a process that has left this token at the rejects.
async fn add_behind(
    pool: &PgPool,
    token: Option<&str>,
    batch: i64,
    jobs: &[(&str, i64)],
) -> Vec<Option<(Vec<u8>, i64)>> {
    let ids: Vec<&[u8]> = jobs.iter().map(|(id, _)| id.as_bytes()).collect();
    let lines: Vec<i64> = jobs.iter().map(|(_, line)| *line).collect();
    let texts = vec![&b"{}"[..]; jobs.len()];
    let added = sqlx::query(ADD)
        .bind("q")
        .bind(ids)
        .bind(lines)
        .bind(texts)
        .bind("series")
        .bind(batch)
        .bind("input")
        .bind(batch.to_string())
        .bind("rejects")
        .bind(7 + batch)
        .bind(vec![0_i64; jobs.len()])
        .bind(token);
    let known = added.fetch_all(pool).await.unwrap();
    let known = known.iter().map(|row| {
        let id: Option<Vec<u8>> = row.get(0);
        id.map(|id| (id, row.get(1)))
    });
    known.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_of_a_reader_whose_rejects_another_one_has_claimed_is_not_queued() {
    let (server, pool) = start().await;
    let state = "SELECT (SELECT count(*) FROM apalis.jobs), length FROM http_context_worker.output";
    server.sql(
        "INSERT INTO http_context_worker.output (queue, kind, target, length, token) \
         VALUES ('q', 'rejects', 'rejects', 0, 'mine')",
    );
    assert_eq!(add_behind(&pool, Some("mine"), 0, &[("a", 1)]).await, []);
    assert_eq!(server.sql(state), "1|7");

    // It is claimed while the batch is on its way.
    let mut claim = pool.begin().await.unwrap();
    sqlx::query("UPDATE http_context_worker.output SET token = 'of another'")
        .execute(&mut *claim)
        .await
        .unwrap();
    let late = {
        let pool = pool.clone();
        tokio::spawn(async move { add_behind(&pool, Some("mine"), 1, &[("b", 2)]).await })
    };
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
    until("the batch waits for who claims", || {
        server.sql(waiting) == "1"
    });
    claim.commit().await.unwrap();
    assert_eq!(late.await.unwrap(), [None]);
    assert_eq!(server.sql(state), "1|7");
    // What was queued before, and whose answer got lost, was queued.
    assert_eq!(add_behind(&pool, Some("mine"), 0, &[("a", 1)]).await, []);
    assert_eq!(server.sql(state), "1|7");
}

#[tokio::test]
async fn a_batch_that_is_added_twice_is_queued_once() {
    let (server, pool) = start().await;
    let jobs = "SELECT count(*) FROM apalis.jobs";
    let batch = [("a", 1), ("b", 2)];
    for _ in 0..2 {
        assert_eq!(add(&pool, 0, &batch).await, []);
        assert_eq!(server.number(jobs), 2);
    }
    // The next batch knows the ids, and then nothing of it is queued, nor read.
    let next = [("c", 3), ("b", 4)];
    assert_eq!(add(&pool, 1, &next).await, [(b"b".to_vec(), 2)]);
    assert_eq!(server.number(jobs), 2);
    let recorded =
        "SELECT read_up_to, length FROM http_context_worker.input, http_context_worker.output";
    assert_eq!(server.sql(recorded), "0|7");
    assert_eq!(add(&pool, 1, &next[..1]).await, []);
    assert_eq!(server.number(jobs), 3);
    assert_eq!(server.sql(recorded), "1|8");
    // One that was on its way for long, behind a later one.
    assert_eq!(add(&pool, 0, &batch).await, []);
    assert_eq!(
        (server.number(jobs), server.sql(recorded).as_str()),
        (3, "1|8")
    );
}

/// The engine's own statement is what its table is made for: ours leaves the same, but for when a job may
/// run, which is what keeps the order.
#[tokio::test]
async fn a_job_is_queued_as_the_engine_queues_it() {
    let (server, pool) = start().await;
    server.sql("SELECT setval('http_context_worker.ticket', 1234567890)");
    assert_eq!(add(&pool, 0, &[("a", 1)]).await, []);
    let (id, run_at) = {
        let row = server.sql("SELECT id, extract(epoch FROM run_at) FROM apalis.jobs");
        let (id, run_at) = row.split_once('|').unwrap();
        (id.to_owned(), run_at.to_owned())
    };
    assert_eq!(
        u128::from(ulid::Ulid::from_string(&id).unwrap()),
        1_234_567_891
    );
    assert_eq!(run_at, "1234.567891");
    let task = apalis::prelude::TaskBuilder::new(b"{}".to_vec())
        .run_at_timestamp(0)
        .max_attempts(i32::MAX as usize)
        .build();
    push_tasks(&mut *pool.acquire().await.unwrap(), "q", vec![task])
        .await
        .unwrap();
    let kinds = "SELECT count(DISTINCT to_jsonb(jobs) - 'id' - 'run_at') FROM apalis.jobs";
    assert_eq!(
        server.sql(kinds),
        "1",
        "{}",
        server.sql("SELECT to_jsonb(jobs) FROM apalis.jobs")
    );
}

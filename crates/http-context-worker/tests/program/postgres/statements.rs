//! The statements, asked by themselves: what an answer that was lost and asked for again changes, and
//! what is refused whole.

use apalis_postgres::queries::push_tasks;
use http_context_worker::{Enqueued, JobQueue};
use serde_json::json;
use sqlx::Row as _;
use sqlx::postgres::PgPool;

use super::PostgresServer;
use crate::queues::SharedServer as _;
use crate::support::until;

const ADD: &str = include_str!("../../../src/queue/postgres/add.sql");
const SETTLE: &str = include_str!("../../../src/queue/postgres/settle.sql");
const KEEP: &str = include_str!("../../../src/queue/postgres/keep.sql");
const TAKE_OVER: &str = include_str!("../../../src/queue/postgres/take_over.sql");

const LONGEST_WAIT_S: i64 = 60;
/// For how long a worker is silent before it is named.
const NAMED_AFTER_S: i64 = 1;

/// A server with tables, and a worker `mine` of it.
async fn start() -> (PostgresServer, PgPool) {
    let server = PostgresServer::start();
    let queue = JobQueue::open(&server.address("q")).await.unwrap();
    drop(queue);
    server
        .sql("INSERT INTO apalis.workers (id, worker_type, storage_name) VALUES ('mine', 'q', '')");
    let pool = PgPool::connect(&server.url()).await.unwrap();
    (server, pool)
}

async fn add(pool: &PgPool, batch: i64, jobs: &[(&str, i64)]) -> Vec<(Vec<u8>, i64)> {
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

async fn settle(
    pool: &PgPool,
    token: &str,
    lengths: [i64; 2],
    tasks: &[(&str, Option<i32>)],
) -> bool {
    let left = "SELECT token FROM http_context_worker.output WHERE kind = 'results'";
    let left = sqlx::query_scalar(left).fetch_optional(pool).await.unwrap();
    let left: Option<Option<String>> = left;
    settle_behind(pool, left.flatten().as_deref(), token, lengths, tasks).await
}

/// Settles as a process that has left this token.
async fn settle_behind(
    pool: &PgPool,
    left: Option<&str>,
    token: &str,
    lengths: [i64; 2],
    tasks: &[(&str, Option<i32>)],
) -> bool {
    let ids: Vec<&str> = tasks.iter().map(|(id, _)| *id).collect();
    let attempts: Vec<Option<i32>> = tasks.iter().map(|(_, attempts)| *attempts).collect();
    let waits = vec![1_000_000_i64; tasks.len()];
    let settled = sqlx::query(SETTLE)
        .bind("q")
        .bind("results")
        .bind(lengths[0])
        .bind(lengths[1])
        .bind("{}")
        .bind(token)
        .bind(vec!["mine"])
        .bind(ids)
        .bind(attempts)
        .bind(waits)
        .bind(LONGEST_WAIT_S * 1_000_000)
        .bind(left);
    settled.fetch_optional(pool).await.unwrap().is_some()
}

async fn keep(pool: &PgPool, own: &[&str]) -> (bool, Vec<String>) {
    let row = sqlx::query(KEEP)
        .bind("q")
        .bind(own)
        .bind(LONGEST_WAIT_S * 1_000_000)
        .bind(NAMED_AFTER_S * 1_000_000)
        .fetch_one(pool)
        .await
        .unwrap();
    (row.get(0), row.get(1))
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

/// A worker that opens a file of results leaves a token of its own, before it cuts it.
#[tokio::test]
async fn a_settlement_of_a_worker_that_was_killed_counts_no_lines_that_the_next_one_has_cut_off() {
    let (server, pool) = start().await;
    assert_eq!(add(&pool, 0, &[("a", 1), ("b", 2)]).await, []);
    server.sql(
        "UPDATE apalis.jobs SET status = 'Queued', lock_by = 'mine'; \
                INSERT INTO http_context_worker.output (queue, kind, target, length, token) \
                VALUES ('q', 'results', 'results', 10, 'of the next one')",
    );
    let [one, two] = [1, 2].map(|ticket| ulid::Ulid::from(ticket).to_string());
    let state = || {
        server.sql("SELECT length, token FROM http_context_worker.output WHERE kind = 'results'")
    };
    let (one, two) = ([(&*one, None)], [(&*two, None)]);
    for left in [None, Some("of one that is killed")] {
        assert!(!settle_behind(&pool, left, "late", [10, 20], &one).await);
        assert_eq!(state(), "10|of the next one");
    }
    let left = Some("of the next one");
    assert!(settle_behind(&pool, left, "settled", [10, 20], &one).await);
    assert_eq!(state(), "20|settled");
    // Without a line nothing can be cut off.
    assert!(settle_behind(&pool, None, "no line", [20, 20], &two).await);
    assert_eq!(state(), "20|no line");
}

#[tokio::test]
async fn what_is_settled_twice_is_settled_once() {
    let (server, pool) = start().await;
    let ids = ["a", "b", "c"].map(|id| (id, 1));
    assert_eq!(add(&pool, 0, &ids).await, []);
    server.sql(
        "UPDATE apalis.jobs SET status = 'Queued', lock_by = 'mine'; \
                INSERT INTO http_context_worker.output (queue, kind, target, length) \
                VALUES ('q', 'results', 'results', 10)",
    );
    let [one, two, three] = [1, 2, 3].map(|ticket| ulid::Ulid::from(ticket).to_string());
    let state = || {
        server.sql(
            "SELECT length, token, count(*) FROM http_context_worker.output, apalis.jobs \
                               WHERE kind = 'results' GROUP BY 1, 2",
        )
    };
    assert!(settle(&pool, "first", [10, 20], &[(&one, None)]).await);
    assert_eq!(state(), "20|first|2");
    // Asked again, it is known by its token, whatever the length was.
    for lengths in [[10, 20], [20, 20]] {
        assert!(!settle(&pool, "first", lengths, &[(&one, None)]).await);
        assert_eq!(state(), "20|first|2");
    }
    // With one that is in other hands nothing is settled, nor with books that are not as they were left.
    server.sql(&format!(
        "UPDATE apalis.jobs SET lock_by = NULL WHERE id = '{three}'"
    ));
    assert!(!settle(&pool, "second", [20, 40], &[(&two, None), (&three, None)]).await);
    assert!(!settle(&pool, "third", [10, 30], &[(&two, None)]).await);
    assert_eq!(state(), "20|first|2");
    assert!(settle(&pool, "fourth", [20, 30], &[(&two, Some(4))]).await);
    assert_eq!(state(), "30|fourth|2");
    let again = format!(
        "SELECT status, attempts, lock_by IS NULL, run_at > now() FROM apalis.jobs WHERE id = '{two}'"
    );
    assert_eq!(server.sql(&again), "Failed|4|t|t");
}

#[tokio::test]
async fn a_clock_that_was_set_back_delays_an_attempt_by_no_more_than_the_longest_wait() {
    let (server, pool) = start().await;
    let ids = ["soon", "ahead", "far ahead", "due"].map(|id| (id, 1));
    assert_eq!(add(&pool, 0, &ids).await, []);
    server.sql(
        "UPDATE apalis.jobs SET status = 'Failed', attempts = 1, max_attempts = 1, priority = 1, run_at = now() \
                + CASE right(id, 1) WHEN '1' THEN interval '5 s' WHEN '2' THEN interval '1 h' \
                  WHEN '3' THEN interval '100 years' ELSE - interval '1 h' END",
    );
    let (is_waiting, _) = keep(&pool, &[]).await;
    assert!(is_waiting);
    let seconds =
        "SELECT status, round(extract(epoch FROM run_at - now())) FROM apalis.jobs ORDER BY id";
    let state = server.sql(seconds);
    let lines: Vec<&str> = state.lines().collect();
    let wait = |line: &str| -> i64 { line.split_once('|').unwrap().1.parse().unwrap() };
    assert!((0..=5).contains(&wait(lines[0])), "{state}");
    for line in &lines[1..3] {
        assert!(
            (LONGEST_WAIT_S - 30..=LONGEST_WAIT_S).contains(&wait(line)),
            "{state}"
        );
    }
    assert!(lines[3].starts_with("Pending|-"), "{state}");
}

#[tokio::test]
async fn workers_that_live_are_not_named_however_many_there_are() {
    let (server, pool) = start().await;
    for (name, sign) in [
        ("alive-", "now()"),
        ("silent-", "now() - interval '1 s'"),
        // Before the clock was set back.
        ("ahead-", "now() + interval '1 h'"),
    ] {
        let all = if name == "alive-" { 1_000 } else { 1 };
        server.sql(&format!(
            "INSERT INTO apalis.workers (id, worker_type, storage_name, layers, last_seen) \
             SELECT '{name}' || n, 'q', 's', '', {sign} FROM generate_series(1, {all}) AS n"
        ));
    }
    let (_, named) = keep(&pool, &["mine"]).await;
    assert_eq!(named, ["silent-1", "ahead-1"]);
}

#[tokio::test]
async fn a_worker_that_was_struck_off_stays_so_and_is_handed_nothing() {
    let (server, pool) = start().await;
    assert_eq!(add(&pool, 0, &[("a", 1)]).await, []);
    let sign = "SELECT last_seen FROM apalis.workers WHERE id = 'mine'";
    let before = server.sql(sign);
    let (is_waiting, others) = keep(&pool, &["mine", "gone"]).await;
    assert!(is_waiting && others.is_empty());
    assert_ne!(server.sql(sign), before);
    assert_eq!(server.sql("SELECT id FROM apalis.workers"), "mine");
    let handed = sqlx::query("SELECT * FROM apalis.get_jobs('gone', 'q', 1)")
        .fetch_all(&pool)
        .await;
    let refused = handed.unwrap_err();
    assert!(
        refused
            .as_database_error()
            .unwrap()
            .is_foreign_key_violation()
    );
}

#[tokio::test]
async fn a_job_that_was_in_hand_when_workers_ended_is_blamed_and_waits_from_the_second_time_on() {
    let (server, pool) = start().await;
    let ids = ["new", "fetched", "begun", "often"].map(|id| (id, 1));
    assert_eq!(add(&pool, 0, &ids).await, []);
    server.sql(
        "UPDATE apalis.jobs SET status = 'Queued', lock_by = 'mine', metadata = CASE right(id, 1) \
                WHEN '1' THEN '' WHEN '2' THEN 'crashes=>1' WHEN '3' THEN 'crashes=>1, begun=>1' \
                ELSE 'crashes=>9, begun=>1' END::hstore",
    );
    let taken = sqlx::query(TAKE_OVER)
        .bind("mine")
        .bind(60.0)
        .execute(&pool)
        .await
        .unwrap();
    assert_eq!(taken.rows_affected(), 4);
    let state = server.sql(
        "SELECT metadata, status, lock_by IS NULL, \
         CASE WHEN run_at < now() - interval '1 year' THEN 'at once' \
              ELSE 'in ' || ceil(extract(epoch FROM run_at - lock_at) / 10) * 10 END \
         FROM (SELECT id, metadata, status, lock_by, run_at, now() AS lock_at FROM apalis.jobs) AS jobs ORDER BY id",
    );
    assert_eq!(
        state.lines().collect::<Vec<_>>(),
        [
            r#""crashes"=>"1"|Pending|t|at once"#,
            r#""crashes"=>"1"|Pending|t|at once"#,
            r#""crashes"=>"2"|Failed|t|in 10"#,
            r#""crashes"=>"10"|Failed|t|in 60"#,
        ]
    );
}

#[tokio::test]
async fn many_who_open_a_queue_that_is_not_there_make_it_once() {
    let server = PostgresServer::start();
    let mut opening = tokio::task::JoinSet::new();
    for n in 0..6 {
        let address = server.address("q");
        opening.spawn(async move {
            let queue = JobQueue::open(&address).await.unwrap();
            queue
                .enqueue(&format!("job-{n}"), &json!({}))
                .await
                .unwrap()
        });
    }
    assert!(
        opening
            .join_all()
            .await
            .iter()
            .all(|queued| *queued == Enqueued::Queued)
    );
    assert_eq!(
        server.number("SELECT count(*) FROM http_context_worker.job_id"),
        6
    );
}

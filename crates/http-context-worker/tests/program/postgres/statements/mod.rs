//! The statements, asked by themselves: what an answer that was lost and asked for again changes, and
//! what is refused whole.

mod batches;

use http_context_worker::{Enqueued, JobQueue};
use serde_json::json;
use sqlx::Row as _;
use sqlx::postgres::PgPool;

use self::batches::add;
use super::PostgresServer;
use crate::queues::SharedServer as _;

const SETTLE: &str = include_str!("../../../../src/queue/postgres/settle.sql");
const KEEP: &str = include_str!("../../../../src/queue/postgres/keep.sql");
const TAKE_OVER: &str = include_str!("../../../../src/queue/postgres/take_over.sql");

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
    let sign_from = |at: &str| {
        server.sql(&format!("UPDATE apalis.workers SET last_seen = {at}"));
        server.sql(sign)
    };
    // One that is as good as new is left; one that lies ahead is of before the clock was set back.
    for (at, is_left) in [
        ("now()", true),
        ("now() - interval '0.5 s'", false),
        ("now() + interval '1 h'", false),
    ] {
        let before = sign_from(at);
        let (is_waiting, others) = keep(&pool, &["mine", "gone"]).await;
        assert!(is_waiting && others.is_empty());
        assert_eq!(server.sql(sign) == before, is_left, "{at}");
    }
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

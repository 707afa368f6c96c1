//! The scripts, asked by themselves: what an answer that was lost and asked for again changes, and
//! what is refused whole.

use redis::{Commands as _, Connection, Script};

use super::RedisServer;
use crate::queues::SharedServer as _;

const ADD: &str = include_str!("../../../src/queue/redis/add.lua");
const SETTLE: &str = include_str!("../../../src/queue/redis/settle.lua");
const KEEP: &str = include_str!("../../../src/queue/redis/keep.lua");

const LONGEST_WAIT_MS: u64 = 60_000;

/// For how long a worker is silent before it is named.
const NAMED_AFTER_MS: u64 = 1_000;

/// What may run, may not yet, is not finished, was taken over, and the signs of life.
type Kept = (u64, u64, u64, u64, Vec<(String, String)>);

fn keep(redis: &mut Connection, own: &[&str], gone: &[&str]) -> Kept {
    type WithCancelled = (u64, u64, u64, u64, Vec<(String, String)>, Vec<String>);
    let script = Script::new(KEEP);
    let mut call = script.prepare_invoke();
    for key in [
        "workers",
        "active",
        "retry",
        "data",
        "scheduled",
        "cancelled",
    ] {
        call.key(key);
    }
    call.arg("inflight")
        .arg("metadata")
        .arg("meta")
        .arg(LONGEST_WAIT_MS)
        .arg(NAMED_AFTER_MS);
    call.arg(own.len()).arg(own).arg(gone);
    let (waiting, delayed, left, taken, signs, _): WithCancelled = call.invoke(redis).unwrap();
    (waiting, delayed, left, taken, signs)
}

/// The clock of Redis, in milliseconds.
fn now(redis: &mut Connection) -> u64 {
    let (seconds, micros): (u64, u64) = redis::cmd("TIME").query(redis).unwrap();
    seconds * 1000 + micros / 1000
}

fn add(redis: &mut Connection, batch: &str, jobs: &[[&str; 5]]) -> Vec<String> {
    add_behind(redis, "", batch, jobs)
}

/// Queues as a process that has left this token at the rejects.
fn add_behind(redis: &mut Connection, token: &str, batch: &str, jobs: &[[&str; 5]]) -> Vec<String> {
    let script = Script::new(ADD);
    let mut call = script.prepare_invoke();
    for key in ["data", "active", "ids", "inputs", "rejects", "added"] {
        call.key(key);
    }
    call.key("scheduled");
    call.arg("meta").arg(batch).arg("jobs").arg("place").arg(7);
    call.arg(token);
    for job in jobs {
        call.arg(job);
    }
    call.invoke(redis).unwrap()
}

fn settle(redis: &mut Connection, token: &str, lengths: [u64; 2], tasks: &[&str]) -> Vec<String> {
    let done: Vec<_> = tasks.iter().map(|task| (*task, "done")).collect();
    settle_as(redis, token, lengths, &done)
}

fn settle_as(
    redis: &mut Connection,
    token: &str,
    lengths: [u64; 2],
    tasks: &[(&str, &str)],
) -> Vec<String> {
    let script = Script::new(SETTLE);
    let mut call = script.prepare_invoke();
    for key in [
        "data",
        "active",
        "retry",
        "scheduled",
        "books",
        "inflight:mine",
    ] {
        call.key(key);
    }
    call.arg("meta").arg(token).arg(&lengths).arg("{}");
    let left: Option<String> = redis.hget("books", "token").unwrap();
    call.arg(LONGEST_WAIT_MS).arg(left.unwrap_or_default());
    for (task, disposition) in tasks {
        call.arg(task).arg(disposition);
    }
    call.invoke(redis).unwrap()
}

#[test]
fn a_batch_of_a_reader_whose_rejects_another_one_has_claimed_is_not_queued() {
    let server = RedisServer::start();
    let redis = &mut server.connect();
    let () = redis.hset("rejects", "token", "of another").unwrap();
    let batch = [["a", "1", "task-a", "{}", "0"]];
    assert_eq!(add_behind(redis, "mine", "0", &batch), ["claimed"]);
    assert_eq!(redis.exists("ids"), Ok(false));
    assert_eq!(redis.hget("rejects", "length"), Ok(None::<u64>));
    let () = redis.hset("rejects", "token", "mine").unwrap();
    assert_eq!(add_behind(redis, "mine", "0", &batch), [""; 0]);
    let () = redis.hset("rejects", "token", "of another").unwrap();
    // What was queued before, and whose answer got lost, was queued.
    assert_eq!(add_behind(redis, "mine", "0", &batch), [""; 0]);
    assert_eq!(redis.llen("active"), Ok(1));
}

#[test]
fn a_batch_that_is_added_twice_is_queued_once() {
    let server = RedisServer::start();
    let redis = &mut server.connect();
    let batch = [
        ["a", "1", "task-a", "{}", "0"],
        ["b", "2", "task-b", "{}", "0"],
    ];
    for _ in 0..2 {
        assert_eq!(add(redis, "0", &batch), [""; 0]);
        assert_eq!(redis.llen("active"), Ok(2));
    }
    // The next batch knows the ids, and then nothing of it is queued.
    let next = [
        ["c", "3", "task-c", "{}", "0"],
        ["b", "4", "task-d", "{}", "0"],
    ];
    assert_eq!(add(redis, "1", &next), ["b", "2"]);
    assert_eq!(redis.llen("active"), Ok(2));
    assert_eq!(add(redis, "1", &next[..1]), [""; 0]);
    assert_eq!(redis.llen("active"), Ok(3));
    assert_eq!(redis.hget("rejects", "length"), Ok(7));
}

#[test]
fn what_is_settled_twice_is_settled_once() {
    let server = RedisServer::start();
    let redis = &mut server.connect();
    let () = redis.hset("books", "length", 10).unwrap();
    for task in ["one", "two"] {
        let () = redis.hset("data", task, "{}").unwrap();
        let () = redis.sadd("inflight:mine", task).unwrap();
    }
    for _ in 0..2 {
        assert_eq!(settle(redis, "first", [10, 20], &["one"]), ["settled"]);
        assert_eq!(redis.hget("books", "length"), Ok(20));
        assert_eq!(redis.hlen("data"), Ok(1));
    }
    // With one that is in other hands nothing is settled.
    let all = settle(redis, "second", [20, 40], &["two", "one"]);
    assert_eq!(all, ["others", "one"]);
    assert_eq!(redis.hget("books", "length"), Ok(20));
    assert_eq!(redis.hlen("data"), Ok(1));
    // Nor with books that are not as they were left.
    assert_eq!(
        settle(redis, "third", [10, 30], &["two"]),
        ["forgotten", "20"]
    );
    assert_eq!(settle(redis, "fourth", [20, 30], &["two"]), ["settled"]);
    assert_eq!(redis.hlen("data"), Ok(0));
}

#[test]
fn a_clock_that_was_set_back_delays_an_attempt_by_no_more_than_the_longest_wait() {
    let server = RedisServer::start();
    let redis = &mut server.connect();
    let began = now(redis);
    for (task, ahead) in [
        ("soon", 5_000),
        ("ahead", 3_600_000),
        ("far ahead", u64::from(u32::MAX)),
    ] {
        let () = redis.zadd("retry", task, began + ahead).unwrap();
    }
    keep(redis, &[], &[]);
    assert_eq!(redis.zscore("retry", "soon"), Ok(began + 5_000));
    for task in ["ahead", "far ahead"] {
        let due: u64 = redis.zscore("retry", task).unwrap();
        let latest = now(redis) + LONGEST_WAIT_MS;
        assert!(due >= began + LONGEST_WAIT_MS && due <= latest, "{task}");
    }
    // Set forward: what is due goes to the front of the queue.
    let () = redis.zadd("retry", "due", began - 3_600_000).unwrap();
    assert_eq!(keep(redis, &[], &[]).0, 1);
    assert_eq!(redis.lrange("active", 0, -1), Ok(["due".to_owned()]));
}

#[test]
fn what_is_scheduled_waits_for_its_moment_however_far_ahead_and_whatever_the_clock() {
    let server = RedisServer::start();
    let redis = &mut server.connect();
    let ahead = (now(redis) / 1000 + 86_400).to_string();
    let jobs = [
        ["a", "1", "tomorrow", "{}", ahead.as_str()],
        ["b", "2", "past", "{}", "1"],
        ["c", "3", "at once", "{}", "0"],
    ];
    assert_eq!(add(redis, "0", &jobs), [""; 0]);
    let waiting = ["past".to_owned(), "at once".to_owned()];
    assert_eq!(redis.lrange("active", 0, -1), Ok(waiting));
    // So is an attempt that is to come later than the longest wait.
    let () = redis.hset("books", "length", 0).unwrap();
    let () = redis
        .sadd("inflight:mine", &["later", "latest", "soon"])
        .unwrap();
    let began = now(redis);
    let (later, latest) = ("1:60001", &*format!("1:{}", 1_u64 << 52));
    let again = [("later", later), ("latest", latest), ("soon", "1:60000")];
    assert_eq!(settle_as(redis, "first", [0, 0], &again), ["settled"]);
    assert_eq!(redis.zcard("retry"), Ok(1));
    let due: u64 = redis.zscore("scheduled", "later").unwrap();
    assert!(due >= began + 60_001 && due <= now(redis) + 60_001);
    // The longest wait does not shorten it, and it counts among what may not run yet.
    let (may_run, not_yet, ..) = keep(redis, &[], &[]);
    assert_eq!((may_run, not_yet), (2, 4));
    assert_eq!(redis.zscore("scheduled", "later"), Ok(due));
    let tomorrow: u64 = redis.zscore("scheduled", "tomorrow").unwrap();
    assert_eq!(tomorrow.to_string(), format!("{ahead}000"));
    // Once it is due it goes to the front.
    let () = redis.zadd("scheduled", "tomorrow", began - 1).unwrap();
    keep(redis, &[], &[]);
    assert_eq!(redis.lindex("active", 0), Ok("tomorrow".to_owned()));
    assert_eq!(redis.zscore("scheduled", "tomorrow"), Ok(None::<u64>));
}

#[test]
fn only_a_worker_without_a_sign_of_life_since_it_was_seen_is_taken_over() {
    let server = RedisServer::start();
    let redis = &mut server.connect();
    let ahead = now(redis) / 1000 + 3_600;
    for (worker, sign) in [("mine", 1), ("dead", 2), ("alive", 3), ("ahead", ahead)] {
        let () = redis.zadd("workers", worker, sign).unwrap();
        let () = redis.sadd(format!("inflight:{worker}"), worker).unwrap();
        let () = redis.hset("data", worker, "{}").unwrap();
    }
    let () = redis.sadd("inflight:dead", "done already").unwrap();
    let (.., taken, signs) = keep(redis, &["mine"], &[]);
    assert_eq!(taken, 0);
    let of = |worker: &str| -> String {
        let sign = signs.iter().find(|(name, _)| name == worker);
        sign.unwrap().1.clone()
    };
    // A sign that lies ahead is put back, and is a new one then.
    let put_back: String = redis.zscore("workers", "ahead").unwrap();
    let put_back: u64 = put_back.split('.').next().unwrap().parse().unwrap();
    assert!(put_back < ahead - 3_500);
    assert!(signs.iter().all(|(name, _)| name != "ahead"));
    assert_eq!((of("dead"), of("alive")), ("2".to_owned(), "3".to_owned()));
    let () = redis.zadd("workers", "alive", 4).unwrap();
    let gone = ["dead", "2", "alive", "3", "no such", "1"];
    assert_eq!(keep(redis, &["mine"], &gone).3, 2);
    assert_eq!(redis.lrange("active", 0, -1), Ok(["dead".to_owned()]));
    assert_eq!(redis.exists("inflight:dead"), Ok(false));
    assert_eq!(redis.zscore("workers", "alive"), Ok(4));
    // One that was taken over stays so.
    assert_eq!(keep(redis, &["dead"], &[]).3, 0);
    assert_eq!(redis.zscore("workers", "dead"), Ok(None::<u64>));
}

#[test]
fn workers_that_live_are_not_named_however_many_there_are() {
    let server = RedisServer::start();
    let redis = &mut server.connect();
    let now = now(redis);
    let sign = |ago: u64| {
        let at = now - ago;
        format!("{}.{:03}", at / 1000, at % 1000)
    };
    for number in 0..1_000 {
        let () = redis
            .zadd("workers", format!("alive-{number}"), sign(0))
            .unwrap();
    }
    let () = redis
        .zadd("workers", "silent", sign(NAMED_AFTER_MS))
        .unwrap();
    let (.., signs) = keep(redis, &["alive-1"], &[]);
    let names: Vec<&str> = signs.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["silent"]);
}

#[test]
fn a_job_that_was_in_hand_when_workers_ended_is_blamed_and_waits_from_the_second_time_on() {
    let server = RedisServer::start();
    let redis = &mut server.connect();
    for (task, crashes, begun) in [
        ("new", 0, false),
        ("fetched", 1, false),
        ("begun", 1, true),
        ("often", 9, true),
    ] {
        let meta = format!("meta:{task}");
        let () = redis.hset(&meta, "attempts", 0).unwrap();
        if crashes > 0 {
            let () = redis.hset(&meta, "crashes", crashes).unwrap();
        }
        if begun {
            let () = redis.hset(&meta, "begun", 1).unwrap();
        }
        let () = redis.sadd("inflight:gone", task).unwrap();
        let () = redis.hset("data", task, "{}").unwrap();
    }
    let () = redis.zadd("workers", "gone", 1).unwrap();
    let began = now(redis);
    assert_eq!(keep(redis, &[], &["gone", "1"]).3, 4);
    for (task, crashes) in [("new", 1), ("fetched", 1), ("begun", 2), ("often", 10)] {
        assert_eq!(
            redis.hget(format!("meta:{task}"), "crashes"),
            Ok(crashes),
            "{task}"
        );
        assert_eq!(
            redis.hexists(format!("meta:{task}"), "begun"),
            Ok(false),
            "{task}"
        );
    }
    let at_once = ["fetched".to_owned(), "new".to_owned()];
    assert_eq!(redis.lrange("active", 0, -1), Ok(at_once));
    for (task, wait) in [("begun", 1_000), ("often", LONGEST_WAIT_MS)] {
        let due: u64 = redis.zscore("retry", task).unwrap();
        assert!(due >= began + wait && due <= now(redis) + wait, "{task}");
    }
    // What was never queued is not made up.
    assert_eq!(redis.exists("meta:unknown"), Ok(false));
}

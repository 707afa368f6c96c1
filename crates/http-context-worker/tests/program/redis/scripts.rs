//! The scripts, asked by themselves: what an answer that was lost and asked for again changes, and
//! what is refused whole.

use redis::{Commands as _, Connection, Script};

use super::RedisServer;

const ADD: &str = include_str!("../../../src/queue/redis/add.lua");
const SETTLE: &str = include_str!("../../../src/queue/redis/settle.lua");

fn add(redis: &mut Connection, batch: &str, jobs: &[[&str; 4]]) -> Vec<String> {
    let script = Script::new(ADD);
    let mut call = script.prepare_invoke();
    for key in ["data", "active", "ids", "inputs", "rejects", "added"] {
        call.key(key);
    }
    call.arg("meta").arg(batch).arg("jobs").arg("place").arg(7);
    for job in jobs {
        call.arg(job);
    }
    call.invoke(redis).unwrap()
}

fn settle(redis: &mut Connection, token: &str, lengths: [u64; 2], tasks: &[&str]) -> Vec<String> {
    let script = Script::new(SETTLE);
    let mut call = script.prepare_invoke();
    for key in ["data", "active", "retry", "books", "inflight:mine"] {
        call.key(key);
    }
    call.arg("meta").arg(token).arg(&lengths).arg("{}");
    for task in tasks {
        call.arg(task).arg("done");
    }
    call.invoke(redis).unwrap()
}

#[test]
fn a_batch_that_is_added_twice_is_queued_once() {
    let server = RedisServer::start();
    let redis = &mut server.connect();
    let batch = [["a", "1", "task-a", "{}"], ["b", "2", "task-b", "{}"]];
    for _ in 0..2 {
        assert_eq!(add(redis, "0", &batch), [""; 0]);
        assert_eq!(redis.llen("active"), Ok(2));
    }
    // The next batch knows the ids, and then nothing of it is queued.
    let next = [["c", "3", "task-c", "{}"], ["b", "4", "task-d", "{}"]];
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

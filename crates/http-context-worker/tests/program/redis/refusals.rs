//! A Redis that answers, and refuses: for a moment, or for good.

use super::RedisServer;
use crate::queues::{SharedServer as _, enqueue, enqueue_at, serve, serve_at};
use crate::support::{Files, Gate, job_lines, until};

type Begin = fn(&RedisServer);

/// What is done to a Redis, and what is done about it.
struct Trouble {
    name: &'static str,
    begin: Begin,
    said: &'static str,
    end: fn(&RedisServer),
}

/// A script that runs until somebody ends it.
fn keep_busy(redis: &RedisServer) {
    redis.set("busy-reply-threshold", "1");
    let mut connection = redis.connect();
    std::thread::spawn(move || {
        let _ = redis::cmd("EVAL")
            .arg("while true do end")
            .arg(0)
            .query::<()>(&mut connection);
    });
}

const PASSING: [Trouble; 4] = [
    Trouble {
        name: "its memory is full",
        begin: |redis| redis.set("maxmemory", "1"),
        said: "refuses for now: OOM",
        end: |redis| redis.set("maxmemory", "0"),
    },
    Trouble {
        name: "it has too few replicas",
        begin: |redis| redis.set("min-replicas-to-write", "1"),
        said: "refuses for now: NOREPLICAS",
        end: |redis| redis.set("min-replicas-to-write", "0"),
    },
    Trouble {
        name: "it cannot save",
        begin: |redis| {
            // A snapshot is renamed to this.
            std::fs::create_dir(redis.dir.path().join("dump.rdb")).unwrap();
            redis.set("save", "3600 1");
            let () = redis::cmd("BGSAVE").query(&mut redis.connect()).unwrap();
            until("the snapshot has failed", || {
                redis
                    .info("persistence")
                    .contains("rdb_last_bgsave_status:err")
            });
        },
        said: "refuses for now: MISCONF",
        end: |redis| redis.set("save", ""),
    },
    Trouble {
        name: "a script of somebody else runs on and on",
        begin: keep_busy,
        said: "refuses for now: BUSY",
        end: |redis| {
            let mut connection = redis.connect();
            let () = redis::cmd("SCRIPT")
                .arg("KILL")
                .query(&mut connection)
                .unwrap();
        },
    },
];

#[test]
fn a_refusal_that_passes_is_waited_for_and_no_job_is_sent_twice() {
    for trouble in &PASSING {
        println!("{}", trouble.name);
        let (files, gate, redis) = (Files::new(), Gate::start(), RedisServer::start());
        let jobs = (0..3).map(|i| (format!("job-{i}"), gate.url("/")));
        enqueue(&redis, &files.write("jobs", job_lines(jobs)), &[]);
        let results = files.path("results");
        let mut worker = serve(&redis, &results, &["--concurrency", "1"]);
        let in_hand = gate.next();
        (trouble.begin)(&redis);
        worker.read_stderr_until(trouble.said);
        in_hand.answer();
        // Lines are written before they are settled.
        until("the job is settled", || !files.read("results").is_empty());
        (trouble.end)(&redis);
        worker.read_stderr_until("answers again");
        for _ in 0..2 {
            gate.next().answer();
        }
        redis.until_empty();
        worker.signal("TERM");
        let done = worker.wait();
        assert_eq!(done.code(), 0, "{}", done.stderr);
        assert_eq!(files.json("results").len(), 3);
        assert!(gate.arrived().is_none());
        redis.assert_tidy();
    }
}

#[test]
fn a_redis_that_takes_no_more_connections_is_waited_for() {
    for password in ["", ":right@"] {
        let (files, gate, redis) = (Files::new(), Gate::start(), RedisServer::start());
        let mut connection = redis.connect();
        let mut ask = |command: &[&str]| {
            let mut asked = redis::cmd(command[0]);
            let _: redis::Value = asked.arg(&command[1..]).query(&mut connection).unwrap();
        };
        if !password.is_empty() {
            ask(&["CONFIG", "SET", "requirepass", "right"]);
        }
        let url = redis.url().replace("//", &format!("//{password}"));
        let jobs = (0..2).map(|i| (format!("job-{i}"), gate.url("/")));
        let queued = enqueue_at(&url, &files.write("jobs", job_lines(jobs)), &[]);
        assert_eq!(queued.code(), 0, "{}", queued.stderr);
        let mut worker = serve_at(&url, &files.path("results"), &["--concurrency", "1"]);
        let in_hand = gate.next();
        ask(&["CONFIG", "SET", "maxclients", "1"]);
        ask(&["CLIENT", "KILL", "TYPE", "normal"]);
        worker.read_stderr_until("does not answer");
        in_hand.answer();
        until("the job is settled", || !files.read("results").is_empty());
        ask(&["CONFIG", "SET", "maxclients", "100"]);
        worker.read_stderr_until("answers again");
        gate.next().answer();
        until("both are settled", || {
            files.read("results").lines().count() == 2
        });
        worker.signal("TERM");
        let done = worker.wait();
        assert_eq!(done.code(), 0, "{}", done.stderr);
    }
}

#[test]
fn a_refusal_that_stays_ends_the_worker_in_one_sentence() {
    let table: [(&str, Begin, &str); 3] = [
        (
            "a permission was taken away",
            |redis| redis.acl("-evalsha"),
            "cannot be used: NOPERM",
        ),
        (
            "a key of the queue holds something else",
            |redis| {
                let mut connection = redis.connect();
                let () = redis::cmd("SET")
                    .arg("http-context:retry")
                    .arg("x")
                    .query(&mut connection)
                    .unwrap();
            },
            "cannot be used: a key of it holds something else; give another --queue-name (WRONGTYPE",
        ),
        (
            "a password was set",
            |redis| {
                let mut connection = redis.connect();
                for command in [
                    &["CONFIG", "SET", "requirepass", "right"][..],
                    &["CLIENT", "KILL", "TYPE", "normal"],
                ] {
                    let mut asked = redis::cmd(command[0]);
                    let _: redis::Value = asked.arg(&command[1..]).query(&mut connection).unwrap();
                }
            },
            "cannot be used: it asks for a password",
        ),
    ];
    for (name, begin, said) in table {
        println!("{name}");
        let (files, redis) = (Files::new(), RedisServer::start());
        let results = files.path("results");
        let worker = serve(&redis, &results, &[]);
        until("the worker serves", || {
            redis::Commands::exists(&mut redis.connect(), "http-context:workers").unwrap()
        });
        begin(&redis);
        let done = worker.wait();
        assert_eq!(done.code(), 2, "{}", done.stderr);
        let sentence = done.stderr.lines().last().unwrap();
        assert!(
            sentence.starts_with("error: the queue at redis://") && sentence.contains(said),
            "{sentence}"
        );
    }
}

#[test]
fn a_queue_of_another_version_is_refused_and_left_as_it_is() {
    let (files, redis) = (Files::new(), RedisServer::start());
    let mut connection = redis.connect();
    let () = redis::cmd("SET")
        .arg("http-context:format")
        .arg(1)
        .query(&mut connection)
        .unwrap();
    let refused = enqueue(&redis, &files.write("jobs", ""), &[]);
    assert!(
        refused
            .refusal()
            .contains("was made by another version of this program (format 1,"),
        "{}",
        refused.stderr
    );
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query(&mut connection).unwrap();
    assert_eq!(keys, ["http-context:format"]);
}

//! What is wrong with a queue's address, or with what answers there: one sentence, and exit code 2.

use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use tokio::time::Instant;

use super::{RedisServer, enqueue, serve};
use crate::support::{Files, Finished, Server, finish, job_lines, nobody, worker};

/// Each command that knows queues, with this one.
fn each_command(files: &Files, queue: &str) -> Vec<Finished> {
    let jobs = files.write("jobs", job_lines([("a".to_owned(), nobody())]));
    let with = |args: &[&str]| {
        let mut command = worker();
        command.args(args).args(["--queue", queue]);
        if args[0] != "serve" {
            command.arg("--jobs").arg(&jobs);
        }
        finish(&mut command)
    };
    vec![with(&["enqueue"]), with(&["serve"]), with(&["run"])]
}

#[test]
fn a_redis_that_does_not_answer_is_named() {
    let files = Files::new();
    let address = nobody();
    let queue = format!(
        "redis://me:hunter2@{}",
        address.trim_start_matches("http://")
    );
    for done in each_command(&files, &queue) {
        let sentence = done.refusal();
        assert!(
            sentence.starts_with("error: the queue at redis://127.0.0.1:"),
            "{sentence}"
        );
        assert!(sentence.contains("does not answer: "), "{sentence}");
        assert!(!sentence.contains("hunter2"), "{sentence}");
        assert_eq!(sentence.lines().count(), 1);
    }
}

#[test]
fn what_accepts_and_says_nothing_is_not_waited_for() {
    let files = Files::new();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let began = Instant::now();
    for done in each_command(&files, &format!("redis://{}", silent.local_addr().unwrap())) {
        assert!(
            done.refusal().contains("does not answer"),
            "{}",
            done.stderr
        );
    }
    assert!(began.elapsed() < Duration::from_secs(15));
}

#[test]
fn what_is_no_redis_is_named() {
    let (files, server) = (Files::new(), Server::start());
    for done in each_command(&files, &server.url("").replace("http:", "redis:")) {
        assert!(
            done.refusal().starts_with("error: the queue at redis://"),
            "{}",
            done.stderr
        );
        assert_eq!(done.stderr.lines().count(), 1, "{}", done.stderr);
    }
}

#[test]
fn a_wrong_password_is_reported_and_not_repeated() {
    let (files, redis) = (Files::new(), RedisServer::start());
    let set = ["CONFIG", "SET", "requirepass", "right"];
    let () = redis::cmd(set[0])
        .arg(&set[1..])
        .query(&mut redis.connect())
        .unwrap();
    for user in ["", ":hunter2@"] {
        let queue = redis.url().replace("//", &format!("//{user}"));
        for done in each_command(&files, &queue) {
            let sentence = done.refusal();
            assert!(
                sentence.contains("cannot be used") && !sentence.contains("hunter2"),
                "{sentence}"
            );
        }
    }
    let queue = redis.url().replace("//", "//:right@");
    let done = each_enqueue(&files, &queue);
    assert_eq!(done.code(), 0, "{}", done.stderr);
}

fn each_enqueue(files: &Files, queue: &str) -> Finished {
    let jobs = files.write("jobs", job_lines([("a".to_owned(), nobody())]));
    finish(
        worker()
            .args(["enqueue", "--queue", queue, "--jobs"])
            .arg(jobs),
    )
}

#[test]
fn an_address_that_is_none_and_flags_that_do_not_go_together_are_named() {
    let files = Files::new();
    for queue in [
        "here",
        "http://localhost",
        "redis://",
        "redis://localhost/x",
    ] {
        for done in each_command(&files, queue) {
            assert_eq!(done.code(), 2);
            assert!(
                done.stderr.contains("a queue is redis://"),
                "{}",
                done.stderr
            );
        }
    }
    let jobs = files.write("jobs", "");
    let both = finish(
        worker()
            .args(["run", "--queue", "redis://h", "--state", "s", "--jobs"])
            .arg(jobs),
    );
    assert_eq!(both.code(), 2);
    assert!(both.stderr.contains("--state"), "{}", both.stderr);
    for missing in [&["serve"][..], &["enqueue", "--jobs", "-"]] {
        let done = finish(worker().args(missing));
        assert_eq!(done.code(), 2);
        assert!(done.stderr.contains("--queue"), "{}", done.stderr);
    }
}

#[test]
fn two_workers_cannot_write_one_file() {
    let (files, redis) = (Files::new(), RedisServer::start());
    let results = files.path("results");
    let first = serve(&redis, &results, &[]);
    crate::support::until("the first has the file", || results.exists());
    let second = serve(&redis, &results, &[]).wait();
    assert!(
        second.refusal().contains("is written by another process"),
        "{}",
        second.stderr
    );
    first.signal("TERM");
    assert_eq!(first.wait().code(), 0);
}

#[test]
fn an_empty_file_queues_nothing() {
    let (files, redis) = (Files::new(), RedisServer::start());
    let done = enqueue(&redis, &files.write("jobs", ""), &[]);
    assert_eq!(
        (done.code(), done.stderr.as_str()),
        (0, "0 jobs queued, 0 lines rejected\n")
    );
    let missing = enqueue(&redis, Path::new("/no/such/file"), &[]);
    assert!(
        missing.refusal().contains("/no/such/file"),
        "{}",
        missing.stderr
    );
}

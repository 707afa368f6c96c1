//! What is wrong with a queue's address, or with what answers there: one sentence, and exit code 2.

use std::io::Write as _;
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::time::Instant;

use super::{SharedServer, enqueue, enqueue_at, free_port, over_each_server, serve};
use crate::support::{Files, Finished, Running, Server, finish, job_lines, nobody, until, worker};

over_each_server! {
    a_server_that_does_not_answer_is_named
    what_accepts_and_says_nothing_is_not_waited_for
    what_is_another_server_is_named
    a_wrong_password_is_reported_and_not_repeated
    two_workers_cannot_write_one_file
    an_empty_file_queues_nothing
    an_enqueue_that_is_interrupted_says_so_and_has_queued_what_it_read
}

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

fn a_server_that_does_not_answer_is_named<S: SharedServer>() {
    let files = Files::new();
    let queue = S::url_with("me:hunter2@", free_port());
    let (scheme, _) = queue.split_once(':').unwrap();
    for done in each_command(&files, &queue) {
        let sentence = done.refusal();
        assert!(
            sentence.starts_with(&format!("error: the queue at {scheme}://127.0.0.1:")),
            "{sentence}"
        );
        assert!(sentence.contains("does not answer: "), "{sentence}");
        assert!(!sentence.contains("hunter2"), "{sentence}");
        assert_eq!(sentence.lines().count(), 1);
    }
}

fn what_accepts_and_says_nothing_is_not_waited_for<S: SharedServer>() {
    let files = Files::new();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let began = Instant::now();
    let port = silent.local_addr().unwrap().port();
    for done in each_command(&files, &S::url_with("", port)) {
        assert!(
            done.refusal().contains("does not answer"),
            "{}",
            done.stderr
        );
    }
    assert!(began.elapsed() < Duration::from_secs(15));
}

fn what_is_another_server_is_named<S: SharedServer>() {
    let (files, server) = (Files::new(), Server::start());
    let port = server.url("").rsplit_once(':').unwrap().1.parse().unwrap();
    for done in each_command(&files, &S::url_with("", port)) {
        assert!(
            done.refusal().starts_with("error: the queue at "),
            "{}",
            done.stderr
        );
        assert_eq!(done.stderr.lines().count(), 1, "{}", done.stderr);
    }
}

fn a_wrong_password_is_reported_and_not_repeated<S: SharedServer>() {
    let (files, store) = (Files::new(), S::start());
    store.ask_for_password("right");
    for user in S::WRONG {
        let queue = S::url_with(user, store.port());
        for done in each_command(&files, &queue) {
            let sentence = done.refusal();
            assert!(
                sentence.contains("cannot be used") && !sentence.contains("hunter2"),
                "{sentence}"
            );
        }
    }
    let jobs = files.write("jobs", job_lines([("a".to_owned(), nobody())]));
    let done = enqueue_at(&S::url_with(S::RIGHT, store.port()), &jobs, &[]);
    assert_eq!(done.code(), 0, "{}", done.stderr);
}

#[test]
fn an_address_that_is_none_and_flags_that_do_not_go_together_are_named() {
    let files = Files::new();
    let of_postgres = if cfg!(feature = "postgres") {
        "a queue is postgres://"
    } else {
        "this program was built without the feature postgres"
    };
    for (queue, said) in [
        ("here", "a queue is redis://"),
        ("http://localhost", "a queue is redis://"),
        ("redis://", "a queue is redis://"),
        ("redis://localhost/x", "a queue is redis://"),
        (
            "postgres://hunter2@localhost/x?sslmode=perhaps",
            of_postgres,
        ),
        ("postgresql:hunter2", of_postgres),
    ] {
        for done in each_command(&files, queue) {
            assert_eq!(done.code(), 2);
            assert!(done.stderr.contains(said), "{}", done.stderr);
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

fn two_workers_cannot_write_one_file<S: SharedServer>() {
    let (files, store) = (Files::new(), S::start());
    let results = files.path("results");
    let first = serve(&store, &results, &[]);
    crate::support::until("the first has the file", || results.exists());
    let second = serve(&store, &results, &[]).wait();
    assert!(
        second.refusal().contains("is written by another process"),
        "{}",
        second.stderr
    );
    first.signal("TERM");
    assert_eq!(first.wait().code(), 0);
}

fn an_empty_file_queues_nothing<S: SharedServer>() {
    let (files, store) = (Files::new(), S::start());
    let done = enqueue(&store, &files.write("jobs", ""), &[]);
    assert_eq!(
        (done.code(), done.stderr.as_str()),
        (0, "0 jobs queued, 0 lines rejected\n")
    );
    let missing = enqueue(&store, Path::new("/no/such/file"), &[]);
    assert!(
        missing.refusal().contains("/no/such/file"),
        "{}",
        missing.stderr
    );
}

/// More may come on standard input.
fn an_enqueue_that_is_interrupted_says_so_and_has_queued_what_it_read<S: SharedServer>() {
    let store = S::start();
    let mut command = worker();
    command.args(["enqueue", "--jobs", "-", "--queue", &store.url()]);
    let mut run = Running::start(command.stdin(Stdio::piped()));
    let mut input = run.0.stdin.take().unwrap();
    let jobs = job_lines([("a".to_owned(), nobody())]);
    input.write_all(jobs.as_bytes()).unwrap();
    until("it is queued", || store.unfinished() == 1);
    run.signal("TERM");
    let done = run.wait();
    assert_eq!(done.code(), 143, "{}", done.stderr);
    assert!(
        done.stderr
            .ends_with("ended by SIGTERM: not all jobs were read\n"),
        "{}",
        done.stderr
    );
    assert_eq!(store.ids(), ["a"]);
    drop(input);
}

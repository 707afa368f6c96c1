//! The state directory between runs.

use std::fs::OpenOptions;
use std::io::Write;

use crate::support::{Files, Gate, Running, Server, finish, job_lines, run_command};

/// Two jobs done, with their state.
fn a_finished_run(files: &Files, server: &Server) -> crate::support::Finished {
    files.write(
        "jobs",
        job_lines(["a", "b"].map(|id| (id.to_owned(), server.url("/item/1")))),
    );
    run_again(files)
}

const STATE: [(&str, &str); 1] = [("--state", "state")];

fn run_again(files: &Files) -> crate::support::Finished {
    files.run(&STATE)
}

#[test]
fn a_finished_run_started_again_does_nothing_and_says_the_same() {
    let (files, server) = (Files::new(), Server::start());
    let first = a_finished_run(&files, &server);
    let before = files.read("results");
    let again = run_again(&files);
    assert_eq!((first.code(), again.code()), (0, 0));
    assert_eq!(first.summary()["jobs"], again.summary()["jobs"]);
    assert_eq!(first.summary()["requests"], again.summary()["requests"]);
    assert_eq!(files.read("results"), before);
    assert_eq!(server.seen().requests(), 2);
}

#[test]
fn jobs_added_to_the_file_run_and_the_others_do_not() {
    let (files, server) = (Files::new(), Server::start());
    a_finished_run(&files, &server);
    let mut jobs = OpenOptions::new()
        .append(true)
        .open(files.path("jobs"))
        .unwrap();
    jobs.write_all(job_lines([("c".to_owned(), server.url("/item/1"))]).as_bytes())
        .unwrap();
    let again = run_again(&files);
    assert_eq!(again.summary()["jobs"]["ok"], 3);
    assert_eq!(files.json("results").len(), 3);
    assert_eq!(files.json("results")[2]["id"], "c");
    assert_eq!(server.seen().requests(), 3);
}

#[test]
fn another_file_of_the_same_name_is_read_from_its_start() {
    let (files, server) = (Files::new(), Server::start());
    a_finished_run(&files, &server);
    files.write(
        "jobs",
        job_lines(["x", "a"].map(|id| (id.to_owned(), server.url("/item/1")))),
    );
    let again = run_again(&files);
    assert_eq!(again.code(), 2);
    assert_eq!(again.summary()["jobs"]["ok"], 3);
    assert!(
        again.stderr.contains("stood on line 1 already"),
        "{}",
        again.stderr
    );
}

#[test]
fn a_torn_line_at_the_end_of_the_results_is_cut_off() {
    let (files, server) = (Files::new(), Server::start());
    a_finished_run(&files, &server);
    let before = files.read("results");
    let mut results = OpenOptions::new()
        .append(true)
        .open(files.path("results"))
        .unwrap();
    results.write_all(b"{\"id\":\"torn").unwrap();
    run_again(&files);
    assert_eq!(files.read("results"), before);
}

#[test]
fn results_that_were_cut_short_are_not_glossed_over() {
    let (files, server) = (Files::new(), Server::start());
    a_finished_run(&files, &server);
    files.write("results", "");
    let again = run_again(&files);
    let sentence = again.refusal();
    assert!(sentence.contains("results has 0 bytes, but"), "{sentence}");
    assert_eq!(sentence.lines().count(), 1);
}

#[test]
fn a_state_in_use_is_refused() {
    let (files, gate) = (Files::new(), Gate::start());
    files.write("jobs", job_lines([("a".to_owned(), gate.url("/"))]));
    let first = Running::start(&mut files.command(&STATE));
    let arrival = gate.next();
    let second = run_again(&files);
    assert!(
        second
            .refusal()
            .ends_with("is in use by another run: wait for it, or give another --state"),
        "{}",
        second.stderr
    );
    arrival.answer();
    assert_eq!(first.wait().code(), 0);
    assert_eq!(files.json("results").len(), 1);
}

#[test]
fn a_killed_run_lets_go_of_its_state() {
    let (files, gate) = (Files::new(), Gate::start());
    files.write("jobs", job_lines([("a".to_owned(), gate.url("/"))]));
    let first = Running::start(&mut files.command(&STATE));
    let _held = gate.next();
    drop(first);
    let second = Running::start(&mut files.command(&STATE));
    // At once: the engine by itself would give the job back after a minute.
    gate.next().answer();
    assert_eq!(second.wait().code(), 0);
    assert_eq!(files.json("results")[0]["attempts"], 1);
}

#[test]
fn a_state_that_is_no_database_is_refused() {
    let (files, server) = (Files::new(), Server::start());
    files.write("jobs", job_lines([("a".to_owned(), server.url("/item/1"))]));
    std::fs::create_dir(files.path("state")).unwrap();
    files.write(
        "state/queue.sqlite",
        "this is not a database, however long it is".repeat(100),
    );
    let run = run_again(&files);
    assert!(
        run.refusal().contains("file is not a database"),
        "{}",
        run.stderr
    );
    assert_eq!(run.stderr.lines().count(), 1);
}

#[test]
fn a_damaged_database_is_refused_or_fails_in_words() {
    let (files, server) = (Files::new(), Server::start());
    a_finished_run(&files, &server);
    let path = files.path("state/queue.sqlite");
    let mut content = std::fs::read(&path).unwrap();
    assert!(content.len() > 8192);
    for byte in &mut content[4096..] {
        *byte = 0x5a;
    }
    std::fs::write(&path, content).unwrap();
    let run = run_again(&files);
    assert!(
        run.refusal().starts_with("error: cannot read the queue in"),
        "{}",
        run.stderr
    );
    assert_eq!(run.stderr.lines().count(), 1);
}

#[test]
fn a_damaged_schema_is_refused_in_words() {
    let (files, server) = (Files::new(), Server::start());
    a_finished_run(&files, &server);
    let path = files.path("state/queue.sqlite");
    let mut content = std::fs::read(&path).unwrap();
    let of_jobs = b"TEXT NOT NULL PRIMARY KEY, line INTEGER";
    let mut windows = content.windows(of_jobs.len());
    let at = windows.position(|bytes| bytes == of_jobs).unwrap();
    content[at] = 0xff;
    std::fs::write(&path, content).unwrap();
    let run = run_again(&files);
    assert!(
        run.refusal()
            .ends_with("its schema is damaged; give another --state"),
        "{}",
        run.stderr
    );
}

#[test]
fn an_unfinished_state_keeps_to_its_results_and_its_jobs() {
    let (files, gate) = (Files::new(), Gate::start());
    files.write(
        "jobs",
        job_lines(["a", "b"].map(|id| (id.to_owned(), gate.url("/")))),
    );
    let first = Running::start(files.command(&STATE).args(["--concurrency", "1"]));
    let _held = gate.next();
    drop(first);
    let other = finish(&mut run_command(&[
        &"--jobs",
        &files.path("jobs"),
        &"--results",
        &files.path("other"),
        &"--state",
        &files.path("state"),
    ]));
    assert!(
        other
            .refusal()
            .contains("is not finished and writes its results to"),
        "{}",
        other.stderr
    );
    assert!(!files.path("other").exists());
}

#[cfg(unix)]
#[test]
fn the_state_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let (files, server) = (Files::new(), Server::start());
    a_finished_run(&files, &server);
    let mode = std::fs::metadata(files.path("state"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[cfg(unix)]
#[test]
fn in_a_directory_that_others_can_read_the_database_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let (files, gate) = (Files::new(), Gate::start());
    let jobs = job_lines([("a".to_owned(), gate.url("/"))]);
    let state = files.path("state");
    std::fs::create_dir(&state).unwrap();
    let set = |path: &std::path::Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    set(&state, 0o755);
    files.write("jobs", jobs);
    let database = ["queue.sqlite", "queue.sqlite-wal", "queue.sqlite-shm"];
    for modes_before in [None, Some(0o644), Some(0o666)] {
        // What an earlier version has left is put right, and so is what a killed run has.
        if let Some(mode) = modes_before {
            for name in database {
                set(&state.join(name), mode);
            }
        }
        let mut run = Running::start(&mut files.command(&STATE));
        let held = gate.next();
        for name in database {
            let mode = std::fs::metadata(state.join(name)).unwrap().permissions();
            assert_eq!(mode.mode() & 0o777, 0o600, "{name}");
        }
        run.0.kill().unwrap();
        let left = run.wait();
        assert_eq!(left.stderr, "");
        held.wait_closed();
    }
}

#[cfg(unix)]
#[test]
fn a_database_that_is_not_its_owners_alone_is_reported_and_the_jobs_run() {
    let (files, server) = (Files::new(), Server::start());
    std::fs::create_dir(files.path("state")).unwrap();
    let elsewhere = files.write("elsewhere", "");
    std::os::unix::fs::symlink(elsewhere, files.path("state/queue.sqlite")).unwrap();
    let done = a_finished_run(&files, &server);
    assert_eq!(done.code(), 0);
    assert!(
        done.stderr.starts_with("warning: ")
            && done
                .stderr
                .contains("is not its owner's alone: it is a link"),
        "{}",
        done.stderr
    );
    assert_eq!(done.stderr.lines().count(), 1);
}

#[test]
fn a_finished_job_leaves_nothing_of_itself_in_the_queue_but_its_id() {
    let (files, server) = (Files::new(), Server::start());
    let job = serde_json::json!({"id": "a", "url": server.url("/item/1"), "headers": {"authorization": "hunter2"}});
    files.write("jobs", format!("{job}\n"));
    assert_eq!(run_again(&files).code(), 0);
    for file in std::fs::read_dir(files.path("state")).unwrap() {
        let file = file.unwrap().path();
        let content = std::fs::read(&file).unwrap();
        assert!(
            !content.windows(7).any(|bytes| bytes == b"hunter2"),
            "{}",
            file.display()
        );
    }
}

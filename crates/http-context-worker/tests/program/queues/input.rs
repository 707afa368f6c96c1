//! A file of jobs that is queued again: grown, changed, cut short, replaced.

use std::io::Write as _;
use std::process::Stdio;

use super::{SharedServer, enqueue, over_each_server};
use crate::input::{READINGS, content};
use crate::support::{Files, Running, job_lines, nobody, until, worker};

over_each_server! {
    every_whole_line_of_a_file_that_is_queued_again_is_queued_exactly_once
    a_server_that_has_forgotten_the_rejects_is_told_of_them_again
}

fn every_whole_line_of_a_file_that_is_queued_again_is_queued_exactly_once<S: SharedServer>() {
    let store = S::start();
    for reading in READINGS {
        let (files, url) = (Files::new(), nobody());
        store.empty();
        for file in reading.files {
            let jobs = files.write("jobs", content(file, &url));
            let done = enqueue(&store, &jobs, &[]);
            // Its exit code is about the lines of this time.
            assert!(
                [0, 2].contains(&done.code()),
                "{}: {}",
                reading.name,
                done.stderr
            );
        }
        let ids = store.ids();
        assert_eq!(ids, reading.ids, "{}", reading.name);
        assert_eq!(store.unfinished(), ids.len(), "{}", reading.name);
    }
}

/// One reads on while its server is put back from an older copy.
fn a_server_that_has_forgotten_the_rejects_is_told_of_them_again<S: SharedServer>() {
    let (files, store) = (Files::new(), S::start());
    let rejects = files.path("rejects");
    let enqueue = || {
        let mut command = worker();
        command.args([
            "enqueue",
            "--jobs",
            "-",
            "--queue",
            &store.url(),
            "--rejects",
        ]);
        Running::start(command.arg(&rejects).stdin(Stdio::piped()))
    };
    let more = |input: &mut std::process::ChildStdin, id: &str, jobs: usize| {
        let line = job_lines([(id.to_owned(), nobody())]);
        input.write_all(format!("none\n{line}").as_bytes()).unwrap();
        until("it is queued", || store.unfinished() == jobs);
    };
    let mut first = enqueue();
    let mut input = first.0.stdin.take().unwrap();
    more(&mut input, "a", 1);
    store.forget_rejects();
    more(&mut input, "b", 2);
    drop(input);
    assert_eq!(first.wait().code(), 2);
    assert_eq!(files.json("rejects").len(), 2);
    // What was written before and after it was told is kept by who comes next.
    let mut second = enqueue();
    let mut input = second.0.stdin.take().unwrap();
    more(&mut input, "c", 3);
    drop(input);
    assert_eq!(second.wait().code(), 2);
    assert_eq!(files.json("rejects").len(), 3);
}

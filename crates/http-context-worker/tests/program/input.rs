//! A file of jobs that is read again: grown, changed, cut short, replaced.

use std::io::Write as _;
use std::process::Stdio;

use serde_json::json;

use crate::support::{Files, Finished, Running, Server, finish, run_command};

/// What a file holds each time that it is read, and what comes of it.
pub(crate) struct Reading {
    pub(crate) name: &'static str,
    /// `A` to `Z` stand for jobs of that id: see [`content`].
    pub(crate) files: &'static [&'static str],
    /// The ids that have run in the end, in order.
    pub(crate) ids: &'static [&'static str],
    /// The exit code of each reading.
    pub(crate) codes: &'static [i32],
}

pub(crate) const READINGS: &[Reading] = &[
    Reading {
        name: "it is the same",
        files: &["A\nB\n", "A\nB\n"],
        ids: &["A", "B"],
        codes: &[0, 0],
    },
    Reading {
        name: "it has grown by lines",
        files: &["A\n", "A\nB\n", "A\nB\nC\nD\n"],
        ids: &["A", "B", "C", "D"],
        codes: &[0, 0, 0],
    },
    Reading {
        name: "its last job is the same, and has its end by now",
        files: &["A\nB", "A\nB\n", "A\nB\nC", "A\nB\nC\r\nD\n"],
        ids: &["A", "B", "C", "D"],
        codes: &[0, 0, 0, 0],
    },
    Reading {
        name: "its last line was torn, and is whole by now",
        files: &["A\n{B", "A\n{B}\nC\n"],
        ids: &["A", "B", "C"],
        codes: &[2, 0],
    },
    Reading {
        name: "its last line was torn twice",
        files: &["A\n{B", "A\n{{B", "A\n{B", "A\n{B}\n"],
        ids: &["A", "B"],
        // The second one is another file, in which A is known.
        codes: &[2, 2, 2, 2],
    },
    Reading {
        name: "its only line was torn",
        files: &["{A", "{A}\n"],
        ids: &["A"],
        codes: &[2, 0],
    },
    Reading {
        name: "its last line is torn still",
        files: &["A\n{B", "A\n{B"],
        ids: &["A"],
        codes: &[2, 2],
    },
    Reading {
        name: "its last line had an end that was none of a job",
        files: &["A\n  ", "A\n  B\n"],
        ids: &["A", "B"],
        codes: &[0, 0],
    },
    Reading {
        name: "more stands behind a job that has run",
        files: &["A", "A and more\nB\n"],
        ids: &["A", "B"],
        codes: &[0, 2],
    },
    Reading {
        name: "it is another one of the same length",
        files: &["A\n", "B\n"],
        ids: &["A", "B"],
        codes: &[0, 0],
    },
    Reading {
        name: "it is another one that is longer",
        files: &["A\n", "B\nC\n"],
        ids: &["A", "B", "C"],
        codes: &[0, 0],
    },
    Reading {
        name: "it is another one that is shorter",
        files: &["A\nB\nC\n", "D\n", "E\nF\n"],
        ids: &["A", "B", "C", "D", "E", "F"],
        codes: &[0, 0, 0],
    },
    Reading {
        name: "it was cut short, and jobs were added",
        files: &["A\nB\n", "A\nC\n"],
        ids: &["A", "B", "C"],
        codes: &[0, 2],
    },
    Reading {
        name: "it was emptied and filled again",
        files: &["A\nB\n", "", "C\n"],
        ids: &["A", "B", "C"],
        codes: &[0, 0, 0],
    },
];

/// A file whose jobs begin with the same long body, so that they differ in their last bytes only.
pub(crate) fn content(file: &str, url: &str) -> String {
    let body = "x".repeat(5000);
    let mut content = String::new();
    let mut rest = file;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        let job =
            |id: char| format!(r#"{{"method":"POST","url":"{url}","body":"{body}","id":"{id}"}}"#);
        match c {
            // `{B` is the first half of a job and `{B}` the whole of it.
            '{' if !rest.starts_with('{') => {
                let id = rest.chars().next().unwrap();
                rest = &rest[1..];
                let whole = job(id);
                match rest.strip_prefix('}') {
                    Some(behind) => {
                        rest = behind;
                        content.push_str(&whole);
                    }
                    None => content.push_str(&whole[..whole.len() / 2]),
                }
            }
            'A'..='Z' => content.push_str(&job(c)),
            c => content.push(c),
        }
    }
    content
}

#[test]
fn every_whole_line_of_a_file_that_is_read_again_runs_exactly_once() {
    for reading in READINGS {
        let (files, server) = (Files::new(), Server::start());
        for (file, code) in reading.files.iter().zip(reading.codes) {
            files.write("jobs", content(file, &server.url("/echo")));
            let done = files.run(&[("--state", "state"), ("--rejects", "rejects")]);
            assert_eq!(done.code(), *code, "{}: {}", reading.name, done.stderr);
        }
        assert_eq!(files.result_ids(), reading.ids, "{}", reading.name);
        let ran = reading.ids.len() as u64;
        assert_eq!(server.seen().requests(), ran, "{}", reading.name);
    }
}

#[test]
fn every_whole_line_of_standard_input_that_is_read_again_runs_exactly_once() {
    for reading in READINGS {
        let (files, server) = (Files::new(), Server::start());
        for (file, code) in reading.files.iter().zip(reading.codes) {
            let done = run_with_input(&files, &content(file, &server.url("/echo")));
            assert_eq!(done.code(), *code, "{}: {}", reading.name, done.stderr);
        }
        assert_eq!(files.result_ids(), reading.ids, "{}", reading.name);
    }
}

fn run_with_input(files: &Files, input: &str) -> Finished {
    let mut command = run_command(&[
        &"--jobs",
        &"-",
        &"--results",
        &files.path("results"),
        &"--rejects",
        &files.path("rejects"),
        &"--state",
        &files.path("state"),
    ]);
    let mut run = Running::start(command.stdin(Stdio::piped()));
    let mut stdin = run.0.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    run.wait()
}

#[test]
fn a_torn_line_counts_as_rejected_until_it_is_whole() {
    let (files, server) = (Files::new(), Server::start());
    let rejected = |file: &str| {
        files.write("jobs", content(file, &server.url("/echo")));
        let done = files.run(&[("--state", "state"), ("--rejects", "rejects")]);
        (
            done.summary()["jobs"]["rejected"].clone(),
            files.json("rejects").len(),
        )
    };
    assert_eq!(rejected("A\n{B"), (json!(1), 1));
    assert_eq!(rejected("A\n{B"), (json!(1), 1));
    assert_eq!(rejected("A\n{B}"), (json!(0), 1));
    assert_eq!(rejected("A\n{B}\nno job"), (json!(1), 2));
    assert_eq!(rejected("A\n{B}\nno job\n"), (json!(1), 2));
}

#[test]
fn a_state_of_another_version_is_refused() {
    let (files, server) = (Files::new(), Server::start());
    files.write("jobs", content("A\n", &server.url("/echo")));
    assert_eq!(files.run(&[("--state", "state")]).code(), 0);
    let path = files.path("state/queue.sqlite");
    let mut database = std::fs::read(&path).unwrap();
    // Where SQLite keeps the number that the program sets.
    database[60..64].copy_from_slice(&1_u32.to_be_bytes());
    std::fs::write(&path, database).unwrap();
    let again = finish(&mut files.command(&[("--state", "state")]));
    assert!(
        again
            .refusal()
            .contains("was made by another version of this program (format 1,"),
        "{}",
        again.stderr
    );
}

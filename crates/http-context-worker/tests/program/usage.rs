//! What is wrong with flags and files: one sentence that names it, and exit code 2.

use crate::support::{Files, finish, run_command, worker};

#[test]
fn a_file_that_is_missing_is_named_and_leaves_no_state() {
    let files = Files::new();
    let (missing, state) = (files.path("missing"), files.path("state"));
    let done = finish(&mut run_command(&[&"--jobs", &missing, &"--state", &state]));
    assert_eq!(
        done.refusal(),
        format!(
            "error: cannot read jobs from {}: No such file or directory (os error 2)",
            missing.display()
        )
    );
    assert!(!state.exists());
}

#[test]
fn a_directory_is_not_a_file_of_jobs() {
    let files = Files::new();
    let done = finish(&mut run_command(&[&"--jobs", &files.path("")]));
    assert!(done.refusal().contains("is a directory"), "{}", done.stderr);
}

#[test]
fn an_output_that_cannot_be_written_is_named() {
    let files = Files::new();
    let jobs = files.write("jobs", "");
    for flag in ["--results", "--rejects"] {
        let done = finish(&mut run_command(&[
            &"--jobs",
            &jobs,
            &flag,
            &files.path("no/such/dir"),
        ]));
        let sentence = done.refusal();
        assert!(
            sentence.contains("cannot write") && sentence.contains("no/such/dir"),
            "{sentence}"
        );
        assert_eq!(sentence.lines().count(), 1);
    }
}

#[test]
fn a_state_that_cannot_be_made_is_named() {
    let files = Files::new();
    let jobs = files.write("jobs", "");
    let done = finish(&mut run_command(&[
        &"--jobs",
        &jobs,
        &"--state",
        &jobs.join("state"),
    ]));
    assert!(
        done.refusal().contains("cannot use the state"),
        "{}",
        done.stderr
    );
}

#[test]
fn a_number_out_of_range_names_its_flag() {
    let files = Files::new();
    let jobs = files.write("jobs", "");
    for (flag, value) in [
        ("--concurrency", "0"),
        ("--concurrency", "10001"),
        ("--concurrency", "-1"),
        ("--concurrency", "many"),
        ("--max-attempts", "0"),
        ("--retry-delay", "61"),
        ("--drain-timeout", "3601"),
    ] {
        let done = finish(&mut run_command(&[&"--jobs", &jobs, &flag, &value]));
        assert_eq!(done.code(), 2);
        assert!(
            done.stderr.contains(flag),
            "{flag} {value}: {}",
            done.stderr
        );
    }
}

#[test]
fn the_jobs_cannot_be_written_over() {
    let files = Files::new();
    let jobs = files.write("jobs", "{\"id\":\"a\",\"url\":\"http://h/\"}\n");
    let done = finish(&mut run_command(&[&"--jobs", &jobs, &"--results", &jobs]));
    assert!(
        done.refusal()
            .starts_with("error: --jobs and --results are the same file"),
        "{}",
        done.stderr
    );
    assert!(files.read("jobs").starts_with('{'));
}

#[test]
fn help_and_version_are_no_errors() {
    for args in [
        &["--help"][..],
        &["run", "--help"],
        &["demo", "--help"],
        &["--version"],
    ] {
        let done = finish(worker().args(args));
        assert_eq!(done.code(), 0);
        assert!(!done.stdout.is_empty());
    }
    assert_eq!(finish(&mut worker()).code(), 2);
    assert_eq!(finish(worker().arg("walk")).code(), 2);
}

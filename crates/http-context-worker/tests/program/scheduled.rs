//! Jobs that have a time of their own.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::support::{Files, Running, Server, finish, to_lines, until};

/// A second that has not begun, and is not far.
pub(crate) fn soon() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    now.as_secs() + 2
}

/// The time of a second, as a line has it: in UTC, and in a zone.
fn written(second: u64, zone_hours: u64) -> String {
    let time = time::OffsetDateTime::from_unix_timestamp(second.cast_signed()).unwrap();
    let hours = i8::try_from(zone_hours).unwrap();
    let time = time.to_offset(time::UtcOffset::from_hms(hours, 0, 0).unwrap());
    let rfc3339 = time::format_description::well_known::Rfc3339;
    time.format(&rfc3339).unwrap()
}

pub(crate) fn has_begun(second: u64) -> bool {
    SystemTime::now() >= UNIX_EPOCH + Duration::from_secs(second)
}

pub(crate) fn lines(server: &Server, second: u64) -> String {
    let url = server.url("/item/1");
    to_lines([
        json!({"id": "later", "url": url, "run_at": written(second, 0)}),
        json!({"id": "past", "url": url, "run_at": "1999-12-31T23:59:59Z"}),
        json!({"id": "in a zone", "url": url, "run_at": written(second, 2)}),
        json!({"id": "now", "url": url}),
        json!({"id": "bad", "url": url, "run_at": "tomorrow"}),
    ])
}

fn ids(results: &[Value]) -> Vec<&str> {
    results
        .iter()
        .map(|line| line["id"].as_str().unwrap())
        .collect()
}

pub(crate) fn are_done(results: &[Value]) {
    let mut first = ids(&results[..2]);
    first.sort_unstable();
    assert_eq!(first, ["now", "past"]);
    let mut last = ids(&results[2..]);
    last.sort_unstable();
    assert_eq!(last, ["in a zone", "later"]);
    assert!(results.iter().all(|line| line["status"] == "ok"));
}

#[test]
fn a_job_of_a_file_runs_at_its_time_and_the_run_ends_after_it() {
    let (files, server, second) = (Files::new(), Server::start(), soon());
    files.write("jobs", lines(&server, second));
    let done = finish(&mut files.command(&[("--rejects", "rejects")]));
    // It cannot have run before, or nothing would have kept the program.
    assert!(has_begun(second));
    assert_eq!(done.code(), 2, "{}", done.stderr);
    are_done(&files.json("results"));
    let bad = json!({"line": 5, "field": "run_at",
        "error": "must be a time as RFC 3339 writes it, such as 2030-01-31T09:00:00Z"});
    assert_eq!(files.json("rejects"), [bad]);
}

#[test]
fn a_job_whose_time_has_not_come_survives_a_kill() {
    let (files, server, second) = (Files::new(), Server::start(), soon() + 2);
    files.write("jobs", lines(&server, second));
    let command = || files.command(&[("--rejects", "rejects"), ("--state", "state")]);
    let killed = Running::start(&mut command());
    until("the others are done", || {
        let results = std::fs::read_to_string(files.path("results"));
        results.is_ok_and(|lines| lines.lines().count() == 2)
    });
    drop(killed);
    let done = finish(&mut command());
    assert!(has_begun(second));
    assert_eq!(done.code(), 2, "{}", done.stderr);
    are_done(&files.json("results"));
}

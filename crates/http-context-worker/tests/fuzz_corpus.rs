//! Replays what the fuzzer has found worth keeping; see `fuzz/`.

#[path = "../fuzz/checks/admin.rs"]
mod admin;
#[path = "../fuzz/checks/job_line.rs"]
mod check;
#[path = "../fuzz/checks/jobs.rs"]
mod jobs;
// As the fuzzer takes them, since they are no part of the library's surface.
#[path = "../src/line.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "the module is the worker's, and has more than is used here"
)]
mod line;
#[path = "../src/run_at.rs"]
mod run_at;

use http_context_worker::program::job;

fn replay(target: &str, check: fn(&[u8])) {
    let folder = format!("{}/fuzz/corpus/{target}", env!("CARGO_MANIFEST_DIR"));
    let mut count = 0;
    for entry in std::fs::read_dir(&folder).expect("the corpus is there") {
        let path = entry.expect("the corpus can be listed").path();
        check(&std::fs::read(path).expect("the corpus can be read"));
        count += 1;
    }
    assert!(count > 0, "{folder} has nothing to replay");
}

#[test]
fn the_corpus_of_lines_is_jobs_or_says_why_not() {
    replay("job_line", check::check);
}

#[test]
fn the_corpus_of_typed_lines_is_jobs_or_says_why_not() {
    replay("typed_line", jobs::check::check);
}

#[test]
fn the_corpus_of_admin_requests_is_answered_by_the_list_of_routes() {
    replay("admin", admin::check);
}

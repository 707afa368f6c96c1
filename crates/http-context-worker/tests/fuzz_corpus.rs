//! Replays what the fuzzer has found worth keeping; see `fuzz/`.

#[path = "../fuzz/checks/job_line.rs"]
mod check;

use http_context_worker::program::job;

mod line {
    pub(crate) use http_context_worker::MAX_ID_BYTES;
}

#[test]
fn the_corpus_of_lines_is_jobs_or_says_why_not() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/job_line");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).expect("the corpus is there") {
        let path = entry.expect("the corpus can be listed").path();
        check::check(&std::fs::read(path).expect("the corpus can be read"));
        count += 1;
    }
    assert!(count > 0, "{folder} has nothing to replay");
}

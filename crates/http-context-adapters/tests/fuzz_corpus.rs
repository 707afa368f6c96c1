//! Replays what the fuzzer has found worth keeping; see `fuzz/`.

#![cfg(all(
    unix,
    feature = "aws-smithy",
    feature = "oauth2",
    feature = "object-store",
    feature = "opendal",
    feature = "opentelemetry-http"
))]

#[path = "../fuzz/checks/errors.rs"]
mod errors;
#[path = "../../http-context/fuzz/checks/server.rs"]
#[allow(dead_code, reason = "the module has more than is used here")]
mod server;

#[test]
fn the_corpus_of_answers_is_what_each_sdk_is_told() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/errors");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).expect("the corpus is there") {
        let path = entry.expect("the corpus can be listed").path();
        errors::check(&std::fs::read(path).expect("the corpus can be read"));
        count += 1;
    }
    assert!(count > 0, "{folder} has nothing to replay");
}

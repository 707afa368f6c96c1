//! Replays what the fuzzer has found worth keeping; see `fuzz/`.

#[path = "../fuzz/checks/redact.rs"]
mod redact;
#[path = "../fuzz/checks/request.rs"]
mod request;

fn replay(target: &str, check: fn(&str)) {
    let folder = format!("{}/fuzz/corpus/{target}", env!("CARGO_MANIFEST_DIR"));
    let mut count = 0;
    for entry in std::fs::read_dir(&folder).expect("the corpus is there") {
        let path = entry.expect("the corpus can be listed").path();
        let bytes = std::fs::read(path).expect("the corpus can be read");
        if let Ok(text) = String::from_utf8(bytes) {
            check(&text);
            count += 1;
        }
    }
    assert!(count > 0, "{folder} has nothing to replay");
}

#[test]
fn the_corpus_of_urls_is_redacted() {
    replay("redact", redact::check);
}

#[test]
fn the_corpus_of_requests_shows_no_secret() {
    replay("request", request::check);
}

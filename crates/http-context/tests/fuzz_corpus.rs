//! Replays what the fuzzer has found worth keeping; see `fuzz/`.

#[path = "../fuzz/checks/redact.rs"]
mod redact;
#[cfg(unix)]
#[path = "../fuzz/checks/redirect.rs"]
mod redirect;
#[path = "../fuzz/checks/request.rs"]
mod request;
#[cfg(unix)]
#[path = "../fuzz/checks/server.rs"]
mod server;
#[cfg(all(unix, feature = "testing", feature = "websocket"))]
#[path = "../fuzz/checks/websocket.rs"]
mod websocket;

fn replay(target: &str, check: impl Fn(&[u8])) {
    let folder = format!("{}/fuzz/corpus/{target}", env!("CARGO_MANIFEST_DIR"));
    let mut count = 0;
    for entry in std::fs::read_dir(&folder).expect("the corpus is there") {
        let path = entry.expect("the corpus can be listed").path();
        check(&std::fs::read(path).expect("the corpus can be read"));
        count += 1;
    }
    assert!(count > 0, "{folder} has nothing to replay");
}

/// Of a check of texts.
fn of_text(check: fn(&str)) -> impl Fn(&[u8]) {
    move |bytes| {
        if let Ok(text) = std::str::from_utf8(bytes) {
            check(text);
        }
    }
}

#[test]
fn the_corpus_of_urls_is_redacted() {
    replay("redact", of_text(redact::check));
}

#[test]
fn the_corpus_of_requests_shows_no_secret() {
    replay("request", of_text(request::check));
}

#[cfg(unix)]
#[test]
fn the_corpus_of_redirects_leads_where_the_rules_say() {
    replay("redirect", redirect::check);
}

#[cfg(all(unix, feature = "testing", feature = "websocket"))]
#[test]
fn the_corpus_of_frames_is_read_as_the_standard_says() {
    replay("websocket", websocket::check);
}

//! The README shows what a test prints that fails on a leak.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, and says where"
)]

use std::process::Command;
use std::sync::Mutex;

use http_context::{HttpSession, SessionError, http_session};

static KEPT: Mutex<Option<HttpSession>> = Mutex::new(None);

fn job() -> Result<(), SessionError> {
    *KEPT.lock().unwrap() = Some(http_session()?);
    Ok(())
}

/// Set for the one that fails.
const CHILD: &str = "TEST_TRANSCRIPT";

#[http_context::test]
async fn the_job_leaves_nothing_behind() -> Result<(), SessionError> {
    if std::env::var_os(CHILD).is_none() {
        return Ok(());
    }
    job()
}

#[test]
fn the_transcript_in_the_readme_is_what_a_failing_test_prints() {
    let test = Command::new(std::env::current_exe().unwrap())
        .args(["the_job_leaves_nothing_behind", "--exact"])
        .env(CHILD, "")
        .env("RUST_BACKTRACE", "0")
        .output();
    let test = test.unwrap();
    assert!(!test.status.success());
    let printed = String::from_utf8(test.stdout).unwrap();

    let readme = include_str!("../../../README.md");
    let (_, shown) = readme.split_once("```console\n$ cargo test\n").unwrap();
    let (shown, _) = shown.split_once("\n```").unwrap();
    // Numbers and call sites differ from run to run; the words do not.
    let words = |text: &str| -> Vec<String> {
        let is_word = |word: &&str| !word.contains(|c: char| c.is_ascii_digit());
        let words = text.split_whitespace().filter(is_word);
        words.map(str::to_owned).collect()
    };
    assert_eq!(words(&printed), words(shown), "printed was:\n{printed}");
}

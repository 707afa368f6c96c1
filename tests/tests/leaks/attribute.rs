//! `#[http_context::test]` as its users write it.

use http_context::testing::TestOptions;
use http_context::{HttpSession, LeakPolicy, current, http_session};

#[http_context::test]
async fn a_test_runs_in_a_context() {
    assert!(http_session().is_ok());
    assert_eq!(current().unwrap().info().leak_policy(), LeakPolicy::Panic);
}

#[http_context::test]
async fn a_test_may_return_a_result() -> Result<(), http_context::SessionError> {
    http_session()?;
    Ok(())
}

#[http_context::test(
    flavor = "multi_thread",
    worker_threads = 2,
    leaks = "warn",
    drain_timeout_ms = 5
)]
async fn the_arguments_are_taken() {
    assert_eq!(current().unwrap().info().leak_policy(), LeakPolicy::Warn);
    let handle = tokio::runtime::Handle::current();
    assert_eq!(handle.metrics().num_workers(), 2);
}

static KEPT: std::sync::Mutex<Option<HttpSession>> = std::sync::Mutex::new(None);

#[http_context::test]
#[should_panic(expected = "session_handle: session handle kept past the exit")]
async fn a_test_that_leaks_fails() {
    *KEPT.lock().unwrap() = http_session().ok();
}

#[test]
fn the_report_in_the_docs_is_what_a_failure_prints() {
    static KEPT: std::sync::Mutex<Option<HttpSession>> = std::sync::Mutex::new(None);
    let panic = std::thread::spawn(|| {
        TestOptions::new()
            .context(|context| context.name("keeps_its_session"))
            .run(async {
                *KEPT.lock().unwrap() = http_session().ok();
            });
    })
    .join()
    .unwrap_err();
    let printed = panic.downcast_ref::<String>().unwrap();
    let shown = include_str!("../../../crates/http-context/src/testing/leak_report.txt");
    // Numbers and call sites differ from run to run; the words do not.
    let words = |text: &str| -> Vec<String> {
        text.split_whitespace()
            .filter(|word| !word.contains(|c: char| c.is_ascii_digit()))
            .map(str::to_owned)
            .collect()
    };
    assert_eq!(words(printed), words(shown), "printed was:\n{printed}");
}

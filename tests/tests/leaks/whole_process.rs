//! The check of the whole process.

use std::process::Command;
use std::time::Duration;

use http_context::{NoOpenContexts, OpenError, assert_no_open_contexts, builder};
use tokio::time::Instant;

use crate::support::recorded;

#[tokio::test]
async fn a_context_that_closes_while_it_looks_is_not_reported() {
    let (_, context) = recorded();
    let (close, closed) = tokio::sync::oneshot::channel::<()>();
    let task = tokio::spawn(context.name("closing").open(async {
        closed.await.unwrap();
        Ok::<_, OpenError>(())
    }));
    tokio::task::yield_now().await;
    let only_that = || NoOpenContexts::new().ignore(|context| context.name() != Some("closing"));
    assert!(only_that().check_now().is_err());
    let check = tokio::spawn(only_that().check());
    tokio::task::yield_now().await;
    close.send(()).unwrap();
    check.await.unwrap().unwrap();
    task.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn it_looks_again_as_often_and_as_late_as_was_set() {
    let (_, context) = recorded();
    let work = context.name("stays").open(async {
        let started = Instant::now();
        let check = NoOpenContexts::new()
            .ignore(|context| context.name() != Some("stays"))
            .retries(3)
            .pause(Duration::from_hours(1));
        assert_eq!(check.check().await.unwrap_err().leaks.len(), 1);
        Ok::<_, OpenError>(started.elapsed())
    });
    assert_eq!(work.await.unwrap(), Duration::from_hours(3));
}

/// Set in the child, which is a process of its own: the others have contexts open.
const CHILD: &str = "TEST_NO_OPEN_CONTEXTS";

#[tokio::test(start_paused = true)]
async fn child() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    assert_no_open_contexts().await;
    println!("none is open");
    let work = builder().name("stays").open(async {
        assert_no_open_contexts().await;
        Ok::<_, OpenError>(())
    });
    work.await.unwrap();
}

#[test]
fn asserting_that_none_is_open_fails_with_a_block_for_each_that_is() {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["whole_process::child", "--exact", "--nocapture"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    assert!(!output.status.success());
    let [stdout, stderr] =
        [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    assert!(stdout.contains("none is open"), "{stdout}{stderr}");
    for part in [
        "1 HTTP contexts are still open:",
        "never_closed: context never closed",
        "(stays), opened at",
    ] {
        assert!(stderr.contains(part), "{part} is missing in {stderr}");
    }
}

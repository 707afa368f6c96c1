//! The demo ends by itself, with what was planned.

use tokio::time::Instant;

use crate::support::{finish, worker};

#[test]
fn the_demo_ends_well_in_well_under_a_minute() {
    let began = Instant::now();
    let done = finish(worker().arg("demo"));
    assert_eq!(done.code(), 0, "{}{}", done.stdout, done.stderr);
    assert!(began.elapsed().as_secs() < 50);
    assert!(!done.stdout.contains('✗'), "{}", done.stdout);
    assert!(
        done.stdout.contains("3 planned faults were met"),
        "{}",
        done.stdout
    );
    assert!(
        done.stdout.contains("came over an open one"),
        "{}",
        done.stdout
    );
    assert!(
        done.stdout.contains("91 messages sent, 91 received"),
        "{}",
        done.stdout
    );
    assert!(!done.stdout.contains('\u{1b}'));
}

#[test]
fn the_demo_speaks_json_to_programs() {
    let done = finish(worker().args(["demo", "--json"]));
    assert_eq!(done.code(), 0, "{}", done.stderr);
    assert_eq!(done.stdout.lines().count(), 1);
    let summary = done.summary();
    assert_eq!(summary["jobs"]["retried"], 2);
    assert_eq!(summary["leaks"], 0);
    assert_eq!(
        summary["websockets"],
        serde_json::json!({"opened": 31, "sent_messages": 91, "received_messages": 91})
    );
    assert!(summary["connections_reused"].as_u64() > summary["connections_opened"].as_u64());
}

//! What is done about leaks, and what is said of them.

use http_context::{LeakPolicy, OpenError, builder, http_session, sample_backtraces};

use crate::support::recorded;

#[tokio::test]
async fn off_looks_for_nothing_and_reports_nothing() {
    let (recorder, context) = recorded();
    let work = context
        .leaks(LeakPolicy::Off)
        .open(async { Ok::<_, OpenError>(http_session().unwrap()) });
    let (kept, report) = work.with_report().await;
    assert!(report.unwrap().is_clean());
    drop(kept);
    assert!(recorder.leaks().is_empty() && recorder.resolved().is_empty());
}

#[tokio::test]
async fn count_and_warn_report_and_go_on() {
    for policy in [LeakPolicy::Count, LeakPolicy::Warn] {
        let (recorder, context) = recorded();
        let work = context
            .leaks(policy)
            .open(async { Ok::<_, OpenError>(http_session().unwrap()) });
        let (kept, report) = work.with_report().await;
        assert_eq!(
            (report.unwrap().leaks.len(), recorder.leaks().len()),
            (1, 1)
        );
        drop(kept);
    }
}

#[tokio::test]
async fn panic_panics_with_the_report_after_the_exit() {
    let (recorder, context) = recorded();
    let context = context.leaks(LeakPolicy::Panic).name("job 7");
    let task = tokio::spawn(context.open(async { Ok::<_, OpenError>(http_session().unwrap()) }));
    let panic = task.await.unwrap_err().into_panic();
    let text = panic.downcast_ref::<String>().unwrap();
    for part in [
        "job 7",
        "session_handle",
        "policy.rs:",
        "opened at",
        "acquired",
        "age",
        "fix",
    ] {
        assert!(text.contains(part), "{part} is missing in: {text}");
    }
    assert_eq!(recorder.reports().len(), 1, "the exit is complete");
}

#[tokio::test]
async fn a_scope_that_panics_keeps_its_own_panic() {
    let (recorder, context) = recorded();
    let kept = std::sync::Mutex::new(None);
    let work = context.leaks(LeakPolicy::Panic).open(async {
        *kept.lock().unwrap() = Some(http_session().unwrap());
        panic!("its own");
        #[allow(unreachable_code, reason = "names the type")]
        Ok::<(), OpenError>(())
    });
    let caught = futures_util::FutureExt::catch_unwind(std::panic::AssertUnwindSafe(work)).await;
    assert_eq!(
        *caught.unwrap_err().downcast_ref::<&str>().unwrap(),
        "its own"
    );
    assert_eq!(recorder.reports().len(), 1);
}

#[tokio::test]
async fn an_observer_that_panics_while_a_panic_is_under_way_does_not_end_the_process() {
    struct Panics;
    impl http_context::Observer for Panics {
        fn context_closed(&self, _: &http_context::ContextInfo, _: &http_context::ExitReport) {
            panic!("in the observer");
        }
    }
    let work = builder().observer(std::sync::Arc::new(Panics)).open(async {
        panic!("its own");
        #[allow(unreachable_code, reason = "names the type")]
        Ok::<(), OpenError>(())
    });
    let caught = futures_util::FutureExt::catch_unwind(std::panic::AssertUnwindSafe(work)).await;
    assert_eq!(
        *caught.unwrap_err().downcast_ref::<&str>().unwrap(),
        "its own"
    );
}

#[tokio::test]
async fn leaks_of_one_call_site_are_reported_together() {
    let (_, context) = recorded();
    let work = context.open(async {
        let handles: Vec<_> = (0..5).map(|_| http_session().unwrap()).collect();
        let tasks: Vec<_> = (0..3)
            .map(|_| http_context::spawn(std::future::pending::<()>()))
            .collect();
        Ok::<_, OpenError>((handles, tasks))
    });
    let (kept, report) = work.with_report().await;
    let mut counts: Vec<_> = report
        .unwrap()
        .leaks
        .iter()
        .map(|leak| leak.count)
        .collect();
    counts.sort_unstable();
    assert_eq!(counts, [3, 5]);
    kept.unwrap()
        .1
        .iter()
        .for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn leaks_of_two_call_sites_are_reported_apart() {
    let (_, context) = recorded();
    let work = context.open(async {
        let one = http_context::spawn(std::future::pending::<()>());
        let two = http_context::spawn(std::future::pending::<()>());
        Ok::<_, OpenError>([one, two])
    });
    let (tasks, report) = work.with_report().await;
    let leaks = report.unwrap().leaks;
    let counts: Vec<_> = leaks.iter().map(|leak| leak.count).collect();
    assert_eq!(counts, [1, 1]);
    assert_ne!(leaks[0].acquired_at, leaks[1].acquired_at);
    tasks
        .unwrap()
        .iter()
        .for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn backtraces_are_sampled_when_asked_for() {
    let leak = async || {
        let (_, context) = recorded();
        let work = context.open(async { Ok::<_, OpenError>(http_session().unwrap()) });
        let (kept, report) = work.with_report().await;
        drop(kept);
        report.unwrap().leaks.remove(0)
    };
    assert!(leak().await.backtrace.is_none());
    sample_backtraces(1);
    let sampled = leak().await;
    sample_backtraces(0);
    assert!(
        sampled.to_string().contains("backtraces_are_sampled"),
        "{sampled}"
    );
    assert!(leak().await.backtrace.is_none());

    // It takes effect at once, also at a call site that was seen before.
    let (_, context) = recorded();
    let work = context.open(async {
        let handles = [0, 1].map(|one_in| {
            sample_backtraces(one_in);
            http_session().unwrap()
        });
        sample_backtraces(0);
        Ok::<_, OpenError>(handles)
    });
    let (kept, report) = work.with_report().await;
    drop(kept);
    assert!(report.unwrap().leaks[0].backtrace.is_some());
}

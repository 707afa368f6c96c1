//! Contexts that are open for too long, or for ever.

use std::time::Duration;

use http_context::testing::Fact;
use http_context::{LeakKind, NoOpenContexts, OpenError};

use crate::support::{clean, recorded};

#[tokio::test]
async fn a_context_that_is_open_for_too_long() {
    let (recorder, context) = recorded();
    let context = context.overdue_after(Duration::from_millis(20));
    let line = line!() + 1;
    let work = context.open(async {
        let fact = recorder
            .wait_for(|fact| matches!(fact, Fact::Leak(_)))
            .await;
        let Fact::Leak(leak) = fact else {
            unreachable!()
        };
        assert_eq!(leak.kind, LeakKind::ContextOverdue);
        assert!(leak.age >= Duration::from_millis(20));
        assert!(
            http_context::snapshot()
                .contexts
                .iter()
                .any(|live| live.is_overdue)
        );
        Ok::<_, OpenError>(leak.opened_at.line())
    });
    let (opened_at, report) = work.with_report().await;
    assert_eq!(opened_at.unwrap(), line);
    clean(report);
    // Once, and taken back by the close.
    assert_eq!((recorder.leaks().len(), recorder.resolved().len()), (1, 1));
    let (reported, resolved) = (&recorder.leaks()[0], &recorder.resolved()[0]);
    assert_eq!(resolved.kind, LeakKind::ContextOverdue);
    assert!(
        resolved.age > reported.age,
        "it is reported as old as it became"
    );
}

#[tokio::test]
async fn many_contexts_that_are_open_for_too_long() {
    let (recorder, context) = recorded();
    let context = context.overdue_after(Duration::from_millis(200)).lazy();
    let all = (0..200).map(|_| {
        context.clone().open(async {
            let is_mine = http_context::current().unwrap().id();
            let is_it = |fact: &Fact| matches!(fact, Fact::Leak(leak) if leak.context == is_mine);
            recorder.wait_for(is_it).await;
            Ok::<_, OpenError>(())
        })
    });
    futures_util::future::try_join_all(all).await.unwrap();
    assert_eq!(
        (recorder.leaks().len(), recorder.resolved().len()),
        (200, 200)
    );
}

#[tokio::test]
async fn a_context_that_closes_in_time() {
    let (recorder, context) = recorded();
    let work = context
        .overdue_after(Duration::from_mins(1))
        .open(async { Ok::<_, OpenError>(()) });
    clean(work.with_report().await.1);
    assert!(recorder.leaks().is_empty());
}

#[tokio::test]
async fn a_context_that_is_forgotten() {
    let (recorder, context) = recorded();
    let mut forgotten = Box::pin(
        context
            .name("forgotten")
            .open(std::future::pending::<Result<(), OpenError>>()),
    );
    assert!(futures_util::poll!(&mut forgotten).is_pending());
    std::mem::forget(forgotten);

    let only_that = || NoOpenContexts::new().ignore(|context| context.name() != Some("forgotten"));
    for _ in 0..2 {
        let open = only_that().retries(2).check().await.unwrap_err();
        assert_eq!(open.leaks.len(), 1);
        let text = open.to_string();
        for part in [
            "1 HTTP contexts are still open",
            "never_closed",
            "(forgotten)",
            "contexts.rs",
        ] {
            assert!(text.contains(part), "{part} is missing in: {text}");
        }
    }
    let kinds: Vec<_> = recorder.leaks().iter().map(|leak| leak.kind).collect();
    assert_eq!(kinds, [LeakKind::NeverClosed], "reported once");
}

#[tokio::test]
async fn a_context_in_a_cycle() {
    use std::cell::RefCell;
    use std::rc::Rc;
    type Cycle =
        Rc<RefCell<Option<std::pin::Pin<Box<dyn Future<Output = Result<(), OpenError>>>>>>>;

    let (recorder, context) = recorded();
    let cycle: Cycle = Rc::default();
    let itself = Rc::clone(&cycle);
    let work = context.name("cycle").open(async move {
        let _itself = itself;
        std::future::pending::<Result<(), OpenError>>().await
    });
    *cycle.borrow_mut() = Some(Box::pin(work));
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(
        cycle
            .borrow_mut()
            .as_mut()
            .unwrap()
            .as_mut()
            .poll(&mut cx)
            .is_pending()
    );
    drop(cycle);
    let check = NoOpenContexts::new()
        .retries(0)
        .ignore(|context| context.name() != Some("cycle"));
    assert!(check.check_now().is_err());
    assert_eq!(recorder.leaks()[0].kind, LeakKind::NeverClosed);
}

#[tokio::test]
async fn a_context_that_is_dropped_is_not_open() {
    let (recorder, context) = recorded();
    let mut dropped = Box::pin(
        context
            .name("dropped")
            .open(std::future::pending::<Result<(), OpenError>>()),
    );
    assert!(futures_util::poll!(&mut dropped).is_pending());
    drop(dropped);
    NoOpenContexts::new()
        .retries(0)
        .ignore(|c| c.name() != Some("dropped"))
        .check_now()
        .unwrap();
    assert!(recorder.leaks().is_empty());
}

//! Contexts and child tasks.

use http_context::{FutureExt, JoinSet, LeakKind, OpenError, builder, current, http_session, open};

#[tokio::test]
async fn spawn_carries_the_context_and_tokio_spawn_does_not() {
    open(async {
        let id = http_session().unwrap().id();
        let child = http_context::spawn(async { http_session().unwrap().id() });
        assert_eq!(child.await.unwrap(), id);
        assert!(
            tokio::spawn(async { http_session().is_err() })
                .await
                .unwrap()
        );
        Ok::<_, OpenError>(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn grandchildren_are_carried_too() {
    open(async {
        let id = current().unwrap().id();
        let child = http_context::spawn(async {
            http_context::spawn(async { current().unwrap().id() })
                .await
                .unwrap()
        });
        assert_eq!(child.await.unwrap(), id);
        Ok::<_, OpenError>(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn spawn_blocking_carries_the_context() {
    open(async {
        let id = http_session().unwrap().id();
        let child = http_context::spawn_blocking(|| http_session().unwrap().id());
        assert_eq!(child.await.unwrap(), id);
        Ok::<_, OpenError>(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_join_set_carries_the_context_in_all_its_ways() {
    let local = tokio::task::LocalSet::new();
    local
        .run_until(open(async {
            let id = current().unwrap().id();
            let mut tasks = JoinSet::new();
            tasks.spawn(async { current().unwrap().id() });
            tasks.spawn_local(async { current().unwrap().id() });
            tasks.spawn_blocking(|| current().unwrap().id());
            assert_eq!(tasks.len(), 3);
            while let Some(child) = tasks.join_next().await {
                assert_eq!(child.unwrap(), id);
            }
            Ok::<_, OpenError>(())
        }))
        .await
        .unwrap();
}

#[tokio::test]
async fn any_future_can_carry_it() {
    open(async {
        let id = current().unwrap().id();
        let future = async { current().unwrap().id() }.in_current_http_context();
        assert_eq!(tokio::spawn(future).await.unwrap(), id);
        Ok::<_, OpenError>(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn blocking_code_on_a_thread_of_its_own_can_be_bound() {
    open(async {
        let context = current().unwrap();
        let thread = std::thread::spawn(move || {
            assert!(http_session().is_err());
            let bound = context.sync_scope(|| http_session().unwrap().id());
            assert!(http_session().is_err(), "only while the closure runs");
            bound
        });
        assert_eq!(thread.join().unwrap(), http_session().unwrap().id());
        Ok::<_, OpenError>(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn without_a_context_children_are_unbound() {
    assert!(
        http_context::spawn(async { current().is_none() })
            .await
            .unwrap()
    );
    assert!(
        http_context::spawn_blocking(|| current().is_none())
            .await
            .unwrap()
    );
    assert!(
        async { current().is_none() }
            .in_current_http_context()
            .await
    );
}

#[tokio::test]
async fn a_context_knows_its_children() {
    open(async {
        let context = current().unwrap();
        let (let_go, gate) = tokio::sync::oneshot::channel::<()>();
        let child = http_context::spawn(gate);
        let unpolled = async {}.in_current_http_context();
        assert_eq!(context.children(), 2);
        drop(unpolled);
        assert_eq!(context.children(), 1);
        let_go.send(()).unwrap();
        child.await.unwrap().unwrap();
        assert_eq!(context.children(), 0, "once it is joined, it is gone");
        Ok::<_, OpenError>(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn an_exit_waits_for_children_that_end() {
    let (result, report) = open(async {
        http_context::spawn(async {
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
        });
        Ok::<_, OpenError>(())
    })
    .with_report()
    .await;
    result.unwrap();
    assert!(report.unwrap().is_clean());
}

#[tokio::test]
async fn children_that_are_aborted_with_the_work_are_no_leak() {
    let (result, report) = open(async {
        let mut tasks = JoinSet::new();
        tasks.spawn(std::future::pending::<()>());
        Ok::<_, OpenError>(())
    })
    .with_report()
    .await;
    result.unwrap();
    assert!(report.unwrap().is_clean());
}

#[tokio::test(start_paused = true)]
async fn a_child_that_lives_on_is_reported_with_the_call_site_that_spawned_it() {
    let (mut line, mut child) = (0, None);
    let opened = builder().open(async {
        line = line!() + 1;
        child = Some(http_context::spawn(std::future::pending::<()>()));
        Ok::<_, OpenError>(())
    });
    let (_, report) = opened.with_report().await;
    child.unwrap().abort();
    let leaks = report.unwrap().leaks;
    assert_eq!(leaks.len(), 1);
    assert_eq!(
        (leaks[0].kind, leaks[0].acquired_at.unwrap().line()),
        (LeakKind::Task, line)
    );
    assert!(
        leaks[0].age >= std::time::Duration::from_secs(5),
        "the drain timeout at least"
    );
}

//! Tasks that stay on their thread are children like others.

use std::rc::Rc;
use std::time::Duration;

use http_context::{LeakKind, OpenError, builder, current, http_session, open, spawn_local};
use http_context_tests::Server;
use tokio::task::LocalSet;

use crate::BoxError;

#[tokio::test]
async fn a_local_task_requests_on_the_session_of_its_context() {
    let server = Server::start();
    let work = open(async {
        let (url, session) = (Rc::new(server.url("/ok")), http_session()?.id());
        let child = spawn_local(async move {
            let own = http_session()?;
            let text = own.get(&*url).send().await?.text().await?;
            Ok::<_, BoxError>((text, own.id()))
        });
        assert_eq!(current().unwrap().children(), 1);
        assert_eq!(child.await??, ("ok".to_owned(), session));
        Ok::<_, BoxError>(())
    });
    let (result, report) = LocalSet::new().run_until(work.with_report()).await;
    result.unwrap();
    let report = report.unwrap();
    assert!(report.is_clean(), "{report}");
    assert_eq!((report.requests, server.counts().requests), (1, 1));
}

#[tokio::test]
async fn a_local_task_that_stays_is_a_leak_where_it_was_spawned() {
    let mut line = 0;
    let local = LocalSet::new();
    let work = builder().drain_timeout(Duration::ZERO).open(async {
        line = line!() + 1;
        let _child = spawn_local(std::future::pending::<Rc<()>>());
        Ok::<_, OpenError>(())
    });
    let report = local.run_until(work.with_report()).await.1.unwrap();
    let leak = &report.leaks[0];
    assert_eq!((report.leaks.len(), leak.kind), (1, LeakKind::Task));
    assert_eq!(leak.acquired_at.unwrap().line(), line);
}

#[tokio::test]
async fn a_local_task_under_no_context_has_none() {
    let child = async { spawn_local(async { http_session().is_err() }).await };
    assert!(LocalSet::new().run_until(child).await.unwrap());
}

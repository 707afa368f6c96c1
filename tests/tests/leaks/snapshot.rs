//! What an admin endpoint prints.

use http_context::{LeakKind, OpenError, http_session, open, snapshot};
use http_context_tests::Server;

use crate::support::{BoxError, recorded};

#[tokio::test]
async fn live_contexts_are_shown_with_what_they_do() {
    let (server, (_, context)) = (Server::start(), recorded());
    let opened_at = line!() + 1;
    let work = context.name("shown").open(async {
        let session = http_session()?;
        session.get(server.url("/ok")).send().await?.bytes().await?;
        let body = session.get(server.url("/slow-body")).send().await?;
        let child = http_context::spawn(std::future::pending::<()>());
        open(async { Ok::<_, OpenError>(()) }).await?;
        let snapshot = snapshot();
        let mut shown = snapshot
            .contexts
            .iter()
            .filter(|live| live.context.name() == Some("shown"));
        let live = shown.next().unwrap();
        assert_eq!(live.context.opened_at().line(), opened_at);
        assert_eq!((live.requests, live.requests_in_flight), (2, 1));
        assert_eq!((live.children, live.nested_opens), (1, 1));
        assert!(!live.is_overdue && !live.is_closing);
        assert!(shown.next().is_none());
        child.abort();
        drop(body);
        Ok::<_, BoxError>(())
    });
    work.await.unwrap();
    assert!(
        snapshot()
            .contexts
            .iter()
            .all(|live| live.context.name() != Some("shown"))
    );
}

#[tokio::test]
async fn leaks_and_nested_opens_are_counted_by_call_site() {
    let mut opened_at = 0;
    let mut nested_at = 0;
    for _ in 0..3 {
        let (_, context) = recorded();
        opened_at = line!() + 1;
        let work = context.open(async {
            nested_at = line!() + 1;
            open(async { Ok::<_, OpenError>(()) }).await?;
            Ok::<_, OpenError>(http_session().unwrap())
        });
        drop(work.await.unwrap());
    }
    let snapshot = snapshot();
    let is_here = |place: http_context::CallSite, line| {
        place.file().ends_with("leaks/snapshot.rs") && place.line() == line
    };
    let leaks: Vec<_> = snapshot
        .leaks
        .iter()
        .filter(|recent| is_here(recent.leak.opened_at, opened_at))
        .collect();
    assert_eq!(leaks.len(), 1);
    assert_eq!(leaks[0].leak.kind, LeakKind::SessionHandle);
    assert_eq!((leaks[0].count, leaks[0].resolved), (3, 3));
    let nested: Vec<_> = snapshot
        .nested_opens
        .iter()
        .filter(|recent| is_here(recent.nested.called_at, nested_at))
        .collect();
    assert_eq!((nested.len(), nested[0].count), (1, 3));
    assert!(is_here(nested[0].nested.outer_opened_at, opened_at));
}

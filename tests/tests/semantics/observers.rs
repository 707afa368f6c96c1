//! Several observers of one context, side by side.

use std::sync::{Arc, Mutex};

use http_context::testing::Recorder;
use http_context::{
    ContextBuilder, ContextInfo, ExitReport, Observer, OpenError, RequestInfo, SessionPool,
    SessionStarted, builder, http_session, open,
};
use http_context_tests::{FactLines as _, InvariantObserver, RefusedPort, Server};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Some of each fact, always in the same order: a redirect, a nested open, a request that is
/// refused, one that is dropped while it waits, and a session that is kept.
async fn all_kinds(context: ContextBuilder, server: &Server, refused: &RefusedPort) {
    let work = context.max_connections_per_host(1).open(async {
        let session = http_session()?;
        for path in ["/redirect/1", "/ok"] {
            session.get(server.url(path)).send().await?.bytes().await?;
        }
        open(async { Ok::<_, OpenError>(()) }).await?;
        let failed = session.get(format!("http://{}/", refused.addr()));
        failed.send().await.unwrap_err();
        let body = session.get(server.url("/slow-body")).send().await?;
        let mut queued = Box::pin(session.get(server.url("/ok")).send());
        assert!(futures_util::poll!(&mut queued).is_pending());
        drop(queued);
        drop(body);
        Ok::<_, BoxError>(session)
    });
    drop(work.await.unwrap());
}

#[tokio::test]
async fn each_receives_every_fact_in_the_same_order() {
    let (server, refused) = (Server::start(), RefusedPort::new());
    let recorders: [Arc<Recorder>; 3] = Default::default();
    let context = recorders.iter().fold(builder(), |context, recorder| {
        context.observer(recorder.clone())
    });
    all_kinds(context, &server, &refused).await;
    let [one, two, three] = recorders.map(|recorder| recorder.lines());
    assert!(one.len() > 20, "{one:?}");
    assert_eq!(one.last().unwrap(), "leak_resolved session_handle");
    assert_eq!(one, two);
    assert_eq!(two, three);
}

#[tokio::test]
async fn an_observer_that_panics_at_any_fact_keeps_none_from_the_next() {
    let (server, refused) = (Server::start(), RefusedPort::new());
    let alone = Arc::new(Recorder::new());
    all_kinds(builder().observer(alone.clone()), &server, &refused).await;
    let expected = alone.lines();
    let mut nth = 1;
    loop {
        let (panics, next) = (
            Arc::new(InvariantObserver::panicking_at(nth)),
            Arc::default(),
        );
        let context = builder()
            .observer(panics.clone())
            .observer(Arc::<Recorder>::clone(&next));
        all_kinds(context, &server, &refused).await;
        assert_eq!(next.lines(), expected, "with a panic at the fact {nth}");
        if panics.facts() < nth {
            assert!(nth > 20, "{nth}");
            break;
        }
        nth += 1;
    }
}

#[tokio::test]
async fn those_of_a_pool_each_receive_every_fact_of_it() {
    let recorders: [Arc<Recorder>; 2] = Default::default();
    let pool = recorders
        .iter()
        .fold(SessionPool::builder(), |pool, recorder| {
            pool.observer(recorder.clone())
        });
    let pool = pool.build();
    let pooled = builder().pool(pool.clone());
    let work = pooled.open(async {
        http_session()?;
        Ok::<_, OpenError>(())
    });
    work.await.unwrap();
    pool.close().await;
    let [one, other] = recorders.map(|recorder| recorder.lines());
    let expected = [
        "pool_checked_out 1/0/0",
        "pool_session_created 1/0/0",
        "pool_returned 0/1/0",
        "pool_session_closed pool_closed 0/0/0",
        "pool_closed 0/0/0",
    ];
    assert_eq!(one, expected);
    assert_eq!(other, expected);
}

#[tokio::test]
async fn a_builder_without_observers_has_none_of_those_that_were_added_before() {
    let (removed, kept) = (Arc::new(Recorder::new()), Arc::new(Recorder::new()));
    let base = builder().observer(removed.clone());
    let context = base.clone().without_observers().observer(kept.clone());
    let work = context.open(async { Ok::<_, OpenError>(()) });
    work.await.unwrap();
    assert_eq!(removed.names(), [""; 0]);
    assert_eq!(kept.reports().len(), 1);
    let work = base.open(async { Ok::<_, OpenError>(()) });
    work.await.unwrap();
    assert_eq!(removed.reports().len(), 1, "the builder that was cloned");
}

type Calls = Arc<Mutex<Vec<(&'static str, &'static str)>>>;

/// Notes its name with each call.
struct Named(&'static str, Calls);

impl Named {
    fn note(&self, call: &'static str) {
        self.1.lock().unwrap().push((self.0, call));
    }
}

impl Observer for Named {
    fn context_opened(&self, _: &ContextInfo) {
        self.note("context_opened");
    }

    fn session_opened(&self, _: &ContextInfo, _: &SessionStarted) {
        self.note("session_opened");
    }

    fn enter_request(&self, _: &RequestInfo) {
        self.note("enter_request");
    }

    fn exit_request(&self, _: &RequestInfo) {
        self.note("exit_request");
    }

    fn context_closed(&self, _: &ContextInfo, _: &ExitReport) {
        self.note("context_closed");
    }
}

#[tokio::test]
async fn they_are_called_as_they_were_added_and_leave_a_request_the_other_way_round() {
    let calls = Calls::default();
    let context = builder()
        .observer(Arc::new(Named("first", calls.clone())))
        .observer(Arc::new(Named("second", calls.clone())));
    let work = context.open(async {
        let session = http_session()?;
        let mut request = Box::pin(session.get("http://127.0.0.1:1/").send());
        // Once, whatever comes of it.
        let _ = futures_util::poll!(&mut request);
        Ok::<_, OpenError>(())
    });
    work.await.unwrap();
    let expected = [
        ("first", "context_opened"),
        ("second", "context_opened"),
        ("first", "session_opened"),
        ("second", "session_opened"),
        ("first", "enter_request"),
        ("second", "enter_request"),
        ("second", "exit_request"),
        ("first", "exit_request"),
        ("first", "context_closed"),
        ("second", "context_closed"),
    ];
    assert_eq!(*calls.lock().unwrap(), expected);
}

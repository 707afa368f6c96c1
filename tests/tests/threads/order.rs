//! What several threads do to one context at once: the order of its facts, and that it holds.

use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use futures_util::poll;
use http_context::{
    ConnectionUse, ContextInfo, HttpContext, HttpSession, Observer, OpenError, RequestError,
    RequestInfo, SessionClosed, SessionStarted, builder, current, http_session, open, spawn,
};
use http_context_tests::Server;

use crate::stopping::{DEADLINE, Observed};
use crate::waiting::{Elsewhere, assert_waits};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

const SESSION: &[&str] = &["session_opened", "session_closed", "context_closed"];

const REQUEST: &[&str] = &[
    "request_started",
    "request_answered",
    "request_failed",
    "request_cancelled",
    "response_body_ended",
];

/// A thread of the context that looks its session up.
fn lookup_elsewhere(context: &HttpContext) -> Elsewhere<HttpSession> {
    let context = context.clone();
    Elsewhere::run(move || context.sync_scope(|| http_session().unwrap()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_whose_connection_is_given_up_before_itself_ends_by_the_close_of_its_session() {
    let (observed, stopped) = Observed::stopping_at("session_closed");
    // Its TLS handshake is never answered.
    let mute = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", mute.local_addr().unwrap());
    let work = observed.context().open(async {
        let session = http_session()?;
        let request = spawn(session.get(url).send());
        let _accepted = mute.accept().await?;
        let closing = Elsewhere::run(move || session.close());
        // The one who closes it has not come to its requests.
        stopped.wait();
        let error = request.await?.unwrap_err();
        assert!(error.is_session_closed(), "{error:?}");
        drop(stopped);
        closing.result();
        Ok::<_, BoxError>(())
    });
    work.await.unwrap();
    observed.invariants.balanced();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_starts_while_its_session_is_closed_is_reported_as_started_first() {
    let (observed, stopped) = Observed::stopping_at("request_started");
    let server = Server::start();
    let work = observed.context().open(async {
        let session = http_session()?;
        let request = session.get(server.url("/ok")).send();
        let request = spawn(request);
        stopped.wait();
        session.close();
        drop(stopped);
        assert!(request.await?.unwrap_err().is_session_closed());
        Ok::<_, BoxError>(())
    });
    let (result, report) = work.with_report().await;
    result.unwrap();
    assert_eq!(report.unwrap().requests, 1);
    assert_eq!(observed.invariants.balanced().late, 1, "its start");
    assert_eq!(
        observed.facts(REQUEST),
        ["request_started", "request_failed"]
    );
    assert_eq!(server.counts().accepted, 0, "it never got on its way");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_starts_while_its_context_exits_starts_once_and_is_in_the_report() {
    let (observed, stopped) = Observed::stopping_at("request_started");
    let server = Server::start();
    let (ended, end) = mpsc::channel();
    let mut open = Box::pin(observed.context().open(async {
        let request = http_session()?.get(server.url("/ok")).send();
        spawn(async move { ended.send(request.await.unwrap_err()) });
        std::future::pending::<Result<(), BoxError>>().await
    }));
    assert!(poll!(&mut open).is_pending());
    stopped.wait();
    drop(open);
    drop(stopped);
    assert!(end.recv_timeout(DEADLINE).unwrap().is_session_closed());
    assert_eq!(
        observed.facts(REQUEST),
        ["request_started", "request_failed"]
    );
    assert_eq!(observed.facts(&["context_closed"]), ["context_closed"]);
    assert_eq!(observed.invariants.balanced().late, 1, "its start");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_ends_by_itself_while_its_context_exits_is_none_that_was_cut_off() {
    let (observed, stopped) = Observed::stopping_at("response_body_ended");
    let server = Server::start();
    let (reading, is_read) = tokio::sync::oneshot::channel();
    let mut open = Box::pin(observed.context().open(async {
        let response = http_session()?.get(server.url("/ok")).send().await?;
        // No child, which would end with its context.
        let read = tokio::spawn(response.bytes());
        assert!(reading.send(read).is_ok());
        std::future::pending::<Result<(), BoxError>>().await
    }));
    let read = tokio::select! {
        _ = &mut open => unreachable!("it waits for ever"),
        read = is_read => read.unwrap(),
    };
    stopped.wait();
    drop(open);
    let reports = observed.recorder.reports();
    assert_eq!((reports[0].requests, reports[0].aborted), (1, 0));
    drop(stopped);
    assert_eq!(read.await.unwrap().unwrap(), "ok");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_ends_by_itself_at_the_end_of_the_drain_is_no_leak() {
    let (observed, stopped) = Observed::stopping_at("response_body_ended");
    let server = Server::start();
    let context = observed.context().drain_timeout(Duration::ZERO);
    let (reading, is_read) = tokio::sync::oneshot::channel();
    let (is_stopped, ends) = tokio::sync::oneshot::channel();
    let work = context.open(async {
        let response = http_session()?.get(server.url("/ok")).send().await?;
        assert!(reading.send(tokio::spawn(response.bytes())).is_ok());
        Ok::<_, BoxError>(ends.await?)
    });
    let mut exit = Box::pin(work.with_report());
    let read = tokio::select! {
        _ = &mut exit => unreachable!("its work waits"),
        read = is_read => read.unwrap(),
    };
    stopped.wait();
    is_stopped.send(()).unwrap();
    // It has drained by then, for no time at all, and waits for what another thread ends.
    let drained = tokio::time::timeout(Duration::from_millis(100), &mut exit).await;
    assert!(drained.is_err());
    drop(stopped);
    assert_eq!(read.await.unwrap().unwrap(), "ok");
    let report = exit.await.1.unwrap();
    assert!(report.is_clean(), "{report}");
    assert_eq!((report.requests, report.aborted), (1, 0));
    assert_eq!(observed.invariants.settled().await.late, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_is_answered_while_its_session_is_closed_is_answered_before_its_body_ends() {
    let (observed, stopped) = Observed::stopping_at("request_answered");
    let server = Server::start();
    let work = observed.context().open(async {
        let session = http_session()?;
        let request = spawn(session.get(server.url("/slow-body")).send());
        stopped.wait();
        session.close();
        drop(stopped);
        let body = request.await??.bytes().await;
        assert!(SessionClosed::find(&body.unwrap_err()).is_some());
        Ok::<_, BoxError>(())
    });
    work.await.unwrap();
    assert_eq!(
        observed.facts(REQUEST),
        ["request_started", "request_answered", "response_body_ended"]
    );
    let totals = observed.invariants.balanced();
    assert_eq!((totals.bodies_aborted, totals.late), (1, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_whose_answer_is_there_while_its_session_is_closed_came_over_its_connection() {
    let (observed, first_poll) = Observed::stopping_at("enter_request");
    let server = Server::start();
    let work = observed.context().open(async {
        let session = http_session()?;
        let request = spawn(session.get(server.url("/slow-head")).send());
        first_poll.wait();
        drop(first_poll);
        server.wait_until(|counts| counts.held == 1).await;
        let stopped = observed.stop_at("enter_request");
        server.gate().open();
        stopped.wait();
        session.close();
        drop(stopped);
        let answer = request.await??;
        assert_eq!(answer.extensions().get(), Some(&ConnectionUse::New));
        Ok::<_, BoxError>(())
    });
    let (result, report) = work.with_report().await;
    result.unwrap();
    assert!(report.as_ref().unwrap().is_clean(), "{report:?}");
    server.wait_until(|counts| counts.open() == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_inside_a_context_that_exits_meanwhile_is_one_fact_and_in_the_report() {
    let (observed, stopped) = Observed::stopping_at("nested_open");
    let (ended, end) = mpsc::channel();
    let mut open = Box::pin(observed.context().open(async {
        spawn(async move {
            let nested = open(async { Ok::<_, OpenError>(current().unwrap().is_closed()) });
            ended.send(nested.await.unwrap())
        });
        std::future::pending::<Result<(), BoxError>>().await
    }));
    assert!(poll!(&mut open).is_pending());
    stopped.wait();
    drop(open);
    drop(stopped);
    let passed_through = end.recv_timeout(DEADLINE).unwrap();
    assert!(passed_through, "into the context that has exited meanwhile");
    assert_eq!(observed.invariants.balanced().late, 1);
}

#[tokio::test]
async fn a_session_is_reported_as_opened_before_another_thread_has_it() {
    let (observed, stopped) = Observed::stopping_at("session_opened");
    let context = observed.context().lazy();
    let work = context.open(async {
        let context = current().unwrap();
        let first = lookup_elsewhere(&context);
        stopped.wait();
        let second = lookup_elsewhere(&context);
        second.assert_waits();
        drop(stopped);
        assert_eq!(second.result(), first.result());
        Ok::<_, OpenError>(())
    });
    work.await.unwrap();
    assert_eq!(
        observed.facts(SESSION),
        ["session_opened", "session_closed", "context_closed"]
    );
    assert_eq!(observed.invariants.balanced().late, 0);
}

#[tokio::test]
async fn a_session_that_is_wanted_while_one_is_closed_early_comes_after_it_and_works() {
    let (observed, stopped) = Observed::stopping_at("session_closed");
    let server = Server::start();
    let work = observed.context().open(async {
        let (context, closed) = (current().unwrap(), http_session()?);
        let mut request = Box::pin(closed.get(server.url("/never")).send());
        assert!(poll!(&mut request).is_pending());
        let closing = Elsewhere::run(move || closed.close());
        stopped.wait();
        let lookup = lookup_elsewhere(&context);
        lookup.assert_waits();
        drop(stopped);
        let fresh = lookup.result();
        closing.result();
        assert!(request.await.unwrap_err().is_session_closed());
        assert!(!fresh.is_closed());
        Ok::<_, BoxError>(())
    });
    work.await.unwrap();
    assert_eq!(
        observed.facts(&["session_opened", "session_closed"]),
        [
            "session_opened",
            "session_closed",
            "session_opened",
            "session_closed"
        ]
    );
    assert_eq!(observed.invariants.balanced().late, 0);
}

#[tokio::test]
async fn an_exit_waits_for_an_early_close_that_another_thread_is_at() {
    let (observed, stopped) = Observed::stopping_at("session_closed");
    let mut open = Box::pin(observed.context().open(async {
        let session = http_session()?;
        thread::spawn(move || session.close());
        std::future::pending::<Result<(), OpenError>>().await
    }));
    assert!(poll!(&mut open).is_pending());
    stopped.wait();
    let exit = Elsewhere::run(move || drop(open));
    exit.assert_waits();
    drop(stopped);
    exit.result();
    assert_eq!(
        observed.facts(SESSION),
        ["session_opened", "session_closed", "context_closed"]
    );
    assert_eq!(observed.invariants.balanced().late, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exit_that_is_awaited_waits_for_a_request_that_another_thread_is_polling() {
    let (observed, stopped) = Observed::stopping_at("enter_request");
    let server = Server::start();
    let url = server.url("/never");
    let context = observed.context().drain_timeout(Duration::ZERO);
    let (is_polled, polled) = tokio::sync::oneshot::channel();
    let mut exit = Box::pin(context.open(async move {
        spawn(http_session()?.get(url).send());
        polled.await?;
        Ok::<_, BoxError>(())
    }));
    assert!(poll!(&mut exit).is_pending());
    stopped.wait();
    is_polled.send(()).unwrap();
    assert_waits(&mut exit);
    assert_eq!(
        observed.facts(SESSION),
        ["session_opened", "session_closed"]
    );
    drop(stopped);
    exit.await.unwrap();
    assert_eq!(
        observed.facts(&[SESSION, REQUEST].concat()),
        [
            "session_opened",
            "request_started",
            "session_closed",
            "request_failed",
            "context_closed"
        ]
    );
    assert_eq!(observed.invariants.settled().await.late, 0);
}

/// Looks the session up at facts of sessions and of failed requests.
#[derive(Default)]
struct Asking(Mutex<Vec<(&'static str, Option<HttpSession>)>>);

impl Asking {
    fn ask(&self, at: &'static str) {
        let session = http_session().ok();
        self.0.lock().unwrap().push((at, session));
    }
}

impl Observer for Asking {
    fn session_opened(&self, _: &ContextInfo, _: &SessionStarted) {
        self.ask("session_opened");
    }

    fn request_failed(&self, _: &RequestInfo, _: &RequestError) {
        self.ask("request_failed");
    }
}

#[tokio::test]
async fn an_observer_that_asks_for_the_session_while_that_changes_gets_one() {
    let asking = Arc::new(Asking::default());
    let server = Server::start();
    let work = builder().observer(asking.clone()).lazy().open(async {
        let closed = http_session()?;
        let mut request = Box::pin(closed.get(server.url("/never")).send());
        assert!(poll!(&mut request).is_pending());
        closed.close();
        assert!(request.await.unwrap_err().is_session_closed());
        let fresh = http_session()?;
        fresh.get(server.url("/ok")).send().await?.bytes().await?;
        let mut asked = asking.0.lock().unwrap();
        let asked: Vec<_> = std::mem::take(&mut *asked);
        let expected = [
            ("session_opened", Some(closed)),
            ("session_opened", Some(fresh.clone())),
            ("request_failed", Some(fresh)),
        ];
        assert_eq!(asked, expected);
        Ok::<_, BoxError>(())
    });
    let (result, report) = work.with_report().await;
    result.unwrap();
    assert!(report.unwrap().is_clean());
}

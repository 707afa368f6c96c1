//! Sockets that are kept open between their uses belong to who owns the pool.

use std::time::Duration;

use http_context::websocket::{Message, WebSocketPool, WebSocketPoolBuilder, WebSocketPoolError};
use http_context::{
    HttpContext, LeakKind, NestedPolicy, OpenError, UpgradeEndReason, current, http_session, job,
};
use http_context_tests::{Frame, Step, WebSocketPeer, WebSocketServer, opcode};

use crate::support::{Ends as _, clean, context, echo, in_time, open, recorded, reported};

fn pool(url: &str) -> WebSocketPoolBuilder {
    let url = url.to_owned();
    WebSocketPool::builder(move || {
        let url = url.clone();
        async move {
            http_session()?
                .websocket(url)
                .connect()
                .await
                .map_err(BoxError::from)
        }
    })
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

#[tokio::test]
async fn a_socket_that_is_put_back_is_used_again() {
    let (server, (context, recorder)) = (WebSocketServer::start(), recorded());
    let url = server.serve(WebSocketPeer::echoes());
    in_time(clean(context, async {
        let pool = pool(&url).build().unwrap();
        for nth in 0..3 {
            let mut socket = pool.get().await.unwrap();
            echo(&mut socket, Message::text(nth.to_string())).await;
            socket.put_back();
            assert_eq!((pool.size(), pool.idle()), (1, 1));
        }
        // Each was asked before it was used once more.
        let counts = server.counts();
        assert_eq!((counts.accepted, counts.received.ping), (1, 2));
        // One that is in use is nobody else's.
        let first = pool.get().await.unwrap();
        let second = pool.get().await.unwrap();
        assert_eq!(server.counts().accepted, 2);
        first.put_back();
        second.put_back();
        assert_eq!(pool.idle(), 2);
        // The one that was put back last is handed out first.
        let mut last = pool.get().await.unwrap();
        echo(&mut last, Message::text("last")).await;
        last.put_back();
        let texts = server
            .seen(&url)
            .into_iter()
            .map(|one| one.messages().len());
        assert_eq!(texts.collect::<Vec<_>>(), [3, 1]);
        pool.close().await;
        assert!(matches!(pool.get().await, Err(WebSocketPoolError::Closed)));
        let counts = server.wait_until(|counts| counts.open == 0).await;
        assert_eq!(counts.received.close, 2);
    }))
    .await;
    assert!(recorder.ends().iter().all(|end| !end.is_dropped));
}

#[tokio::test]
async fn one_that_is_dropped_in_its_use_is_closed() {
    let (server, (context, _)) = (WebSocketServer::start(), recorded());
    let url = server.serve(WebSocketPeer::echoes());
    in_time(clean(context, async {
        let pool = pool(&url).build().unwrap();
        let mut socket = pool.get().await.unwrap();
        socket
            .send(Message::text("whose answer is this?"))
            .await
            .unwrap();
        drop(socket);
        assert_eq!(pool.size(), 0);
        server.wait_until(|counts| counts.open == 0).await;
        let mut socket = pool.get().await.unwrap();
        echo(&mut socket, Message::text("mine")).await;
        socket.put_back();
        assert_eq!(server.seen(&url)[0].close_codes(), [1001]);
    }))
    .await;
}

#[tokio::test]
async fn one_that_has_more_to_say_or_is_gone_or_does_not_answer_is_not_handed_out() {
    let late = WebSocketPeer::opens()
        .sends(&Frame::text("late"))
        .then(Step::Echo);
    let gone = WebSocketPeer::opens().then(Step::AwaitGate).then(Step::Cut);
    let silent = WebSocketPeer::opens().then(Step::AwaitEnd);
    let pong = Frame::new(opcode::PONG, "to nobody");
    let silent_by_now = WebSocketPeer::opens().sends(&pong).then(Step::AwaitEnd);
    for peer in [late, gone, silent, silent_by_now] {
        let (server, (context, _)) = (WebSocketServer::start(), recorded());
        let url = server.serve(peer);
        in_time(clean(context, async {
            let pool = pool(&url)
                .ping_timeout(Duration::from_millis(50))
                .build()
                .unwrap();
            pool.get().await.unwrap().put_back();
            server.gate().open();
            // The first was asked, and another one is opened in its place.
            let socket = pool.get().await.unwrap();
            assert_eq!((pool.size(), server.counts().accepted), (1, 2));
            drop(socket);
            server.wait_until(|counts| counts.open == 0).await;
        }))
        .await;
    }
}

#[tokio::test]
async fn an_old_one_is_not_handed_out_and_one_of_before_an_invalidation_neither() {
    let server = WebSocketServer::start();
    let url = server.serve(WebSocketPeer::echoes());
    in_time(clean(context(), async {
        let fresh = |builder: WebSocketPoolBuilder| async {
            let pool = builder.build().unwrap();
            let before = server.counts().accepted;
            for _ in 0..2 {
                pool.get().await.unwrap().put_back();
            }
            server.counts().accepted - before
        };
        let (none, long) = (Duration::ZERO, Duration::from_mins(1));
        assert_eq!(fresh(pool(&url).max_lifetime(none)).await, 2);
        assert_eq!(fresh(pool(&url).idle_timeout(none)).await, 2);
        let refreshed = pool(&url).max_lifetime(long).idle_timeout(long);
        assert_eq!(fresh(refreshed.refresh_on_use(true)).await, 1);

        let pool = pool(&url).build().unwrap();
        let used = pool.get().await.unwrap();
        pool.get().await.unwrap().put_back();
        pool.invalidate();
        used.put_back();
        assert_eq!((pool.size(), pool.idle()), (0, 0));
    }))
    .await;
    server.wait_until(|counts| counts.open == 0).await;
}

#[tokio::test]
async fn it_opens_no_more_than_it_may_and_says_why_it_has_none() {
    let server = WebSocketServer::start();
    let url = server.serve(WebSocketPeer::echoes());
    let refused = server.serve(WebSocketPeer::refuses(503, "", "busy"));
    in_time(clean(context(), async {
        let some = pool(&url)
            .max_size(2)
            .wait_timeout(Duration::from_millis(20))
            .build()
            .unwrap();
        some.prewarm(9).await.unwrap();
        assert_eq!((some.size(), server.counts().accepted), (2, 2));
        let both = [some.get().await.unwrap(), some.get().await.unwrap()];
        let error = some.get().await.unwrap_err();
        assert!(
            matches!(error, WebSocketPoolError::WaitTimeout(_)),
            "{error:?}"
        );
        for socket in both {
            socket.put_back();
        }

        let none = pool(&refused).build().unwrap();
        let error = none.get().await.unwrap_err();
        assert!(error.to_string().contains("503"), "{error}");
        assert_eq!(none.size(), 0);
    }))
    .await;
}

#[tokio::test]
async fn a_pool_outside_of_a_context_is_none() {
    pool("ws://localhost/").build().unwrap_err();
}

#[tokio::test]
async fn its_sockets_belong_to_the_context_of_the_pool_and_their_use_is_in_the_jobs_report() {
    let (server, (context, recorder)) = (WebSocketServer::start(), recorded());
    let url = server.serve(WebSocketPeer::echoes());
    let (pool, _) = in_time(clean(context, async {
        let pool = pool(&url).build().unwrap();
        let owner = current().unwrap().id();
        for _ in 0..2 {
            let work = async {
                let mut socket = pool.get().await.unwrap();
                echo(&mut socket, Message::text("hello")).await;
                socket.put_back();
                assert_ne!(current().unwrap().id(), owner);
            };
            let ((), report) = job(work).with_report().await;
            let report = report.unwrap();
            assert!(report.is_clean(), "{report}");
            assert_eq!((report.websockets_borrowed, report.requests), (1, 0));
            assert_eq!(report.connections_opened, 0);
        }
        assert_eq!(server.counts().accepted, 1);
        assert_eq!(
            current().map(|context: HttpContext| context.requests_in_flight()),
            Some(1)
        );
        assert!(recorder.ends().is_empty());
        // Else it would be dropped before the exit.
        pool
    }))
    .await;
    // The exit of its context has closed it, in peace.
    let counts = server.wait_until(|counts| counts.open == 0).await;
    assert_eq!(
        (counts.accepted, counts.received.close, counts.sent.close),
        (1, 1, 1)
    );
    assert_eq!(pool.size(), 0);
}

#[tokio::test]
async fn one_that_a_job_keeps_is_a_leak_of_the_job() {
    let server = WebSocketServer::start();
    let outer = context().nested(NestedPolicy::Isolate);
    let (job, recorder) = recorded();
    let url = server.serve(WebSocketPeer::echoes());
    in_time(clean(outer, async {
        let pool = pool(&url).build().unwrap();
        let work = async { Ok::<_, OpenError>(pool.get().await.unwrap()) };
        let (socket, report) = job.open(work).with_report().await;
        let (mut socket, report) = (socket.unwrap(), report.unwrap());
        let kinds: Vec<_> = report.leaks.iter().map(|leak| leak.kind).collect();
        assert_eq!(kinds, [LeakKind::UpgradedConnection], "{report}");
        let at = report.leaks[0].acquired_at.unwrap().file();
        assert!(at.ends_with("pool.rs"), "{report}");
        assert_eq!(recorder.leaked_and_resolved(), (1, 0));
        // It is none of the job's to end.
        echo(&mut socket, Message::text("still here")).await;
        socket.put_back();
        assert_eq!(recorder.leaked_and_resolved(), (1, 1));
    }))
    .await;
}

/// Its pool would close them as well, on another thread.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn what_waits_in_the_pool_of_a_context_that_is_dropped_is_cut_off_with_it() {
    let server = WebSocketServer::start();
    let url = server.serve(WebSocketPeer::echoes());
    for _ in 0..200 {
        let (context, recorder) = recorded();
        let (tell, told) = tokio::sync::oneshot::channel();
        let work = context.open(async {
            let pool = pool(&url).build().unwrap();
            let mut socket = pool.get().await.unwrap();
            echo(&mut socket, Message::text("used")).await;
            socket.put_back();
            tell.send(pool).unwrap();
            std::future::pending::<Result<(), OpenError>>().await
        });
        let _pool = tokio::select! {
            _ = work => unreachable!("it has no end"),
            pool = told => pool.unwrap(),
        };
        assert_eq!(recorder.reports()[0].aborted, 1);
        assert_eq!(recorder.end().reason, UpgradeEndReason::Exit);
    }
}

#[tokio::test]
async fn a_pool_that_outlives_its_context_is_closed_and_leaks_nothing() {
    let server = WebSocketServer::start();
    let url = server.serve(WebSocketPeer::echoes());
    let (pool, report) = in_time(reported(context(), async {
        let pool = pool(&url).build().unwrap();
        pool.prewarm(3).await.unwrap();
        drop(open(&url).await);
        pool
    }))
    .await;
    assert!(report.is_clean(), "{report}");
    assert!(report.exit_duration < Duration::from_secs(1), "{report}");
    assert!(matches!(pool.get().await, Err(WebSocketPoolError::Closed)));
    server.wait_until(|counts| counts.open == 0).await;
}

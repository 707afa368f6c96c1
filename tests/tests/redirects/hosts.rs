//! Each hop has a slot of the host that it leads to, and of no other.

use std::sync::Arc;
use std::time::Duration;

use http_context::testing::{Fact, Recorder};
use http_context::{
    ContextBuilder, OpenError, RequestBuilder, RequestFailure, builder, http_session, spawn,
};
use http_context_tests::{FactLines as _, Server, edits_nothing};

use crate::rig::{Rig, Wire};

#[tokio::test]
async fn the_limit_of_a_host_holds_for_those_who_are_redirected_to_it() {
    for with_middleware in [false, true] {
        let target = Server::builder().http1().start();
        let fronts: Vec<_> = (0..6)
            .map(|_| {
                Server::builder()
                    .redirect("/", 302, target.url("/slow-head"))
                    .start()
            })
            .collect();
        let mut context = builder().max_connections_per_host(1);
        if with_middleware {
            context = context.with(edits_nothing());
        }
        let work = context.open(async {
            let all: Vec<_> = fronts
                .iter()
                .map(|front| {
                    let request = http_session().unwrap().get(front.url("/"));
                    spawn(async move { request.send().await.unwrap().text().await.unwrap() })
                })
                .collect();
            for nth in 1..=6 {
                let counts = target.wait_until(|counts| counts.held == 1).await;
                assert_eq!((counts.requests, counts.accepted), (nth, 1));
                target.gate().let_one_pass();
                target
                    .wait_until(|counts| counts.held == 0 || counts.requests > nth)
                    .await;
            }
            for one in all {
                assert_eq!(one.await.unwrap(), "ok");
            }
            Ok::<_, OpenError>(())
        });
        work.await.unwrap();
        assert_eq!(target.counts().accepted, 1);
    }
}

#[tokio::test]
async fn requests_that_lead_to_each_others_host_do_not_wait_for_ever() {
    let b = Server::builder().start();
    let a = Server::builder()
        .redirect("/to-b", 302, b.url("/redirect/0"))
        .start();
    let back = Server::builder()
        .redirect("/to-a", 302, a.url("/redirect/0"))
        .start();
    let c = Server::builder()
        .redirect("/to-back", 302, back.url("/to-a"))
        .start();
    let work = builder().max_connections_per_host(1).open(async {
        let urls = [
            a.url("/to-b"),
            c.url("/to-back"),
            back.url("/to-a"),
            a.url("/to-b"),
        ];
        let all = urls.map(|url| {
            let request = http_session().unwrap().get(url);
            spawn(async move { request.send().await.unwrap().text().await.unwrap() })
        });
        for one in all {
            assert_eq!(one.await.unwrap(), "ok");
        }
        Ok::<_, OpenError>(())
    });
    work.await.unwrap();
}

#[tokio::test]
async fn the_slot_of_the_first_host_is_free_once_it_has_redirected() {
    let target = Server::start();
    let front = Server::builder()
        .redirect("/away", 302, target.url("/slow-body"))
        .start();
    let work = builder().max_connections_per_host(1).open(async {
        let session = http_session()?;
        let body = session.get(front.url("/away")).send().await.unwrap();
        // Its one slot would be taken until that body ends.
        let other = session.get(front.url("/ok")).send().await.unwrap();
        assert_eq!(other.text().await.unwrap(), "ok");
        let mut waits = Box::pin(session.get(target.url("/ok")).send());
        assert!(
            futures_util::poll!(&mut waits).is_pending(),
            "the target's is"
        );
        target.gate().open();
        body.bytes().await.unwrap();
        waits.await.unwrap();
        Ok::<_, OpenError>(())
    });
    work.await.unwrap();
}

#[tokio::test]
async fn a_hop_that_waits_for_its_slot_says_so_of_the_host_that_it_waits_for() {
    let target = Server::start();
    let front = Server::builder()
        .redirect("/away", 302, target.url("/ok"))
        .start();
    let rig = Rig::new(Wire::Http1);
    let recorder = Arc::new(Recorder::new());
    let context = rig
        .context()
        .max_connections_per_host(1)
        .observer(recorder.clone());
    let context = context.queue_timeout(Duration::from_mins(1));
    let work = context.open(async {
        let session = http_session()?;
        let held = session.get(target.url("/slow-body")).send().await.unwrap();
        let redirected = session.get(front.url("/away"));
        let redirected = spawn(async move { redirected.send().await.unwrap().bytes().await });
        recorder
            .wait_for(|fact| matches!(fact, Fact::RequestQueued { .. }))
            .await;
        assert_eq!(
            recorder.count("request_redirected"),
            0,
            "it is not sent so far"
        );
        let exported = rig.exported();
        assert_eq!(
            exported.active_and_idle_to(front.addr()),
            (0, 1),
            "{exported}"
        );
        target.gate().open();
        held.bytes().await.unwrap();
        redirected.await.unwrap().unwrap();
        Ok::<_, OpenError>(())
    });
    work.await.unwrap();
    let exported = rig.exported();
    let port = target.addr().port().to_string();
    let waited = "http_client_request_time_in_queue_seconds";
    assert_eq!(
        exported.count(waited, &[("server_port", &port)]),
        1,
        "{exported}"
    );
    assert_eq!(exported.count(waited, &[]), 1);
    assert_eq!(recorder.count("request_redirected"), 1);
}

#[tokio::test]
async fn a_hop_that_waits_too_long_for_its_slot_names_the_host_that_it_waited_for() {
    let target = Server::start();
    let front = Server::builder()
        .redirect("/away", 302, target.url("/ok"))
        .start();
    let by_queue = builder().queue_timeout(Duration::from_millis(20));
    for (context, limit) in [
        (by_queue, None),
        (builder(), Some(Duration::from_millis(20))),
    ] {
        let work = context.max_connections_per_host(1).open(async {
            let session = http_session()?;
            let held = session.get(target.url("/slow-body")).send().await.unwrap();
            let mut request = session.get(front.url("/away"));
            if let Some(limit) = limit {
                request = request.timeout(limit);
            }
            let error = request.send().await.unwrap_err();
            assert!(error.is_timeout());
            let RequestFailure::QueueTimeout(timeout) = error.failure() else {
                panic!("{error:?}")
            };
            let host = &timeout.host;
            assert!(host.ends_with(&target.addr().port().to_string()), "{host}");
            drop(held);
            Ok::<_, OpenError>(())
        });
        work.await.unwrap();
    }
}

#[tokio::test]
async fn a_time_limit_holds_for_all_hops_together() {
    let target = Server::start();
    let last = Server::builder()
        .redirect("/last", 302, target.url("/slow-head"))
        .start();
    let front = Server::builder()
        .redirect("/away", 302, last.url("/last"))
        .start();
    let limit = Duration::from_millis(300);
    let own = |request: RequestBuilder| request.timeout(limit);
    let of_session = |request: RequestBuilder| request;
    let long = Duration::from_mins(1);
    run_limited(builder(), own, &front, limit).await;
    run_limited(builder().request_timeout(limit), of_session, &front, limit).await;
    run_limited(builder().request_timeout(long), own, &front, limit).await;
}

async fn run_limited(
    builder: ContextBuilder,
    set: impl FnOnce(RequestBuilder) -> RequestBuilder,
    front: &Server,
    limit: Duration,
) {
    let work = builder.open(async {
        let started = tokio::time::Instant::now();
        let request = set(http_session()?.get(front.url("/away")));
        let error = request.send().await.unwrap_err();
        assert!(error.is_timeout(), "{error:?}");
        assert!(started.elapsed() < limit * 2, "{:?}", started.elapsed());
        Ok::<_, OpenError>(())
    });
    work.await.unwrap();
}

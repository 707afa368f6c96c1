//! Requests are named by who makes them.

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use http_body_util::Empty;
use http_context::testing::{Fact, Recorder};
use http_context::{
    AmbientSession, Caller, CallerReport, FutureExt as _, JoinSet, LeakKind, LeakPolicy, OpenError,
    builder, caller, current, http_session, snapshot, spawn, spawn_blocking,
};
use http_context_tests::{Server, UpgradeServer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tower::Service as _;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

async fn get(url: String) -> Result<Bytes, BoxError> {
    Ok(http_session()?.get(url).send().await?.bytes().await?)
}

fn name() -> Option<&'static str> {
    Caller::current().map(Caller::name)
}

fn requests(callers: &[CallerReport]) -> HashMap<&'static str, u64> {
    let each = callers.iter().map(|of| (of.caller.name(), of.requests));
    each.collect()
}

/// What the server saw at paths that begin like this.
fn seen(server: &Server, path: &str) -> u64 {
    let seen = server.seen();
    let at = seen.iter().filter(|seen| seen.uri.path().starts_with(path));
    at.count() as u64
}

#[tokio::test]
async fn the_report_says_what_each_caller_sent_as_the_server_saw_it() {
    let server = Server::start();
    let url = |path: &str| server.url(path);
    let work = builder().leaks(LeakPolicy::Panic).open(async {
        let speech = caller("speech").scope(async {
            get(url("/bytes/100")).await?;
            let post = http_session()?.post(url("/echo")).body("12345");
            post.send().await?.bytes().await?;
            Ok::<_, BoxError>(())
        });
        speech.await?;
        caller("search").scope(get(url("/ok"))).await?;
        get(url("/ok?nobody")).await?;
        Ok::<_, BoxError>(())
    });
    let (result, report) = work.with_report().await;
    result.unwrap();
    let report = report.unwrap();
    let [search, speech] = &report.callers[..] else {
        panic!("{report}");
    };
    assert_eq!(
        (search.caller.name(), speech.caller.name()),
        ("search", "speech")
    );
    assert_eq!((speech.requests, search.requests), (2, 1));
    assert_eq!((speech.bytes_sent, speech.bytes_received), (5, 105));
    assert_eq!(
        (speech.connections_opened, search.connections_opened),
        (1, 0)
    );
    assert_eq!(
        (speech.connections_reused, search.connections_reused),
        (1, 1)
    );
    assert_eq!(report.requests, 4);
    assert_eq!(server.counts().requests, 4);
    assert_eq!(
        seen(&server, "/bytes") + seen(&server, "/echo"),
        speech.requests
    );
    let text = report.to_string();
    assert!(text.contains("\n  caller     speech: 2 requests, 1 connection opened, 1 reused"));
}

#[tokio::test]
async fn a_context_in_which_nobody_has_a_name_reports_none() {
    let server = Server::start();
    let work = builder().open(get(server.url("/ok")));
    let report = work.with_report().await.1.unwrap();
    assert_eq!(report.callers, []);
}

#[tokio::test]
async fn the_innermost_scope_counts_and_the_outer_one_is_there_again_after_it() {
    assert_eq!(name(), None);
    let outer = caller("outer").scope(async {
        assert_eq!(name(), Some("outer"));
        caller("inner").sync_scope(|| assert_eq!(name(), Some("inner")));
        caller("inner")
            .scope(async { assert_eq!(name(), Some("inner")) })
            .await;
        assert_eq!(name(), Some("outer"));
        // A context that is opened there is under the name as well.
        let inside = builder().open(async { Ok::<_, OpenError>(name()) });
        assert_eq!(inside.await.unwrap(), Some("outer"));
    });
    outer.await;
    assert_eq!(name(), None);
}

#[tokio::test]
async fn two_futures_of_one_task_do_not_see_each_others_names() {
    let names = ["one", "two"].map(|of| {
        caller(of).scope(async {
            let mut seen = Vec::new();
            for _ in 0..3 {
                seen.push(name());
                tokio::task::yield_now().await;
            }
            seen
        })
    });
    let [one, two] = names;
    let (one, two) = tokio::join!(one, two);
    assert_eq!([one, two], [[Some("one"); 3], [Some("two"); 3]]);
}

#[tokio::test]
async fn children_carry_the_name_and_bare_tasks_do_not() {
    let work = builder().open(caller("parent").scope(async {
        assert_eq!(spawn(async { name() }).await.unwrap(), Some("parent"));
        assert_eq!(spawn_blocking(name).await.unwrap(), Some("parent"));
        let mut set = JoinSet::new();
        set.spawn(async { name() });
        set.spawn_blocking(name);
        while let Some(of_child) = set.join_next().await {
            assert_eq!(of_child.unwrap(), Some("parent"));
        }
        let carried = async { name() }.in_current_http_context();
        let in_another = caller("another").scope(tokio::spawn(carried));
        assert_eq!(in_another.await.unwrap(), Some("parent"));
        assert_eq!(tokio::spawn(async { name() }).await.unwrap(), None);
        let context = current().unwrap();
        let thread = std::thread::spawn(move || context.sync_scope(name));
        assert_eq!(thread.join().unwrap(), None);
        Ok::<_, OpenError>(())
    }));
    work.await.unwrap();
}

#[tokio::test]
async fn a_child_without_a_context_carries_it_too() {
    let child = caller("parent").sync_scope(|| spawn(async { name() }));
    assert_eq!(child.await.unwrap(), Some("parent"));
}

#[tokio::test]
async fn a_request_is_named_by_who_polls_it_first() {
    let server = Server::start();
    let work = builder().open(async {
        let mut request = pin!(get(server.url("/ok")));
        let begun = poll_fn(|cx| Poll::Ready(request.as_mut().poll(cx).is_pending()));
        assert!(caller("first").scope(begun).await);
        caller("second").scope(request).await
    });
    let report = work.with_report().await.1.unwrap();
    assert_eq!(requests(&report.callers), HashMap::from([("first", 1)]));
}

#[tokio::test]
async fn an_ambient_service_names_what_goes_by_it_in_tasks_of_its_own_too() {
    let server = Server::start();
    let work = builder().leaks(LeakPolicy::Panic).open(async {
        let sdk = AmbientSession::or(http_session()?).with_caller(caller("sdk"));
        let request = |path: &str| http::Request::get(server.url(path)).body(Empty::<Bytes>::new());
        let mut plain = sdk.clone();
        plain.call(request("/ok")?).await?;
        // Its own name goes before that of the code which calls it.
        let mut within = sdk.clone();
        caller("plug-in")
            .scope(within.call(request("/ok")?))
            .await?;
        let own = request("/ok")?;
        let mut elsewhere = sdk.clone();
        tokio::spawn(async move { elsewhere.call(own).await }).await??;
        let url = server.url("/ok").parse()?;
        let mut of_reqwest = sdk;
        let plain = reqwest::Request::new(reqwest::Method::GET, url);
        of_reqwest.call(plain).await?;
        Ok::<_, BoxError>(())
    });
    let (result, report) = work.with_report().await;
    result.unwrap();
    assert_eq!(
        requests(&report.unwrap().callers),
        HashMap::from([("sdk", 4)])
    );
    assert_eq!(server.counts().requests, 4);
}

#[tokio::test]
async fn leaks_say_by_whom() {
    let server = Server::start();
    // Closed: the rest of the body does not come.
    let gate = server.gate();
    let (ends, ended) = tokio::sync::oneshot::channel::<()>();
    let work = builder()
        .leaks(LeakPolicy::Count)
        .drain_timeout(std::time::Duration::ZERO)
        .open(caller("hoarder").scope(async {
            let body = http_session()?.get(server.url("/slow-body")).send().await?;
            drop(spawn(async {
                let _ = ended.await;
            }));
            Ok::<_, BoxError>(body)
        }));
    let (kept, report) = work.with_report().await;
    let report = report.unwrap();
    drop((kept, gate, ends));
    let by = |kind| {
        let leak = report.leaks.iter().find(|leak| leak.kind == kind);
        leak.unwrap_or_else(|| panic!("{report}"))
            .caller
            .map(Caller::name)
    };
    assert_eq!(by(LeakKind::ResponseBody), Some("hoarder"));
    assert_eq!(by(LeakKind::Task), Some("hoarder"));
    assert!(
        report
            .to_string()
            .contains("\n  caller     hoarder\n  age ")
    );
}

#[tokio::test]
async fn the_snapshot_shows_callers_and_whose_upgraded_connections_are() {
    let upgrades = UpgradeServer::start();
    let work = builder().name("shown").open(async {
        let session = http_session()?;
        let request = session
            .get(upgrades.url("/echo"))
            .header("connection", "upgrade")
            .header("upgrade", "echo")
            .build()?;
        let mut io = caller("talker").scope(session.upgrade(request)).await?;
        io.write_all(b"hello").await?;
        io.read_exact(&mut [0; 5]).await?;
        let shown = snapshot();
        let own = current().unwrap().id();
        let live = shown.contexts.iter().find(|live| live.context.id() == own);
        assert_eq!(
            requests(&live.unwrap().callers),
            HashMap::from([("talker", 1)])
        );
        let open = shown.upgraded.iter().find(|open| open.context == own);
        assert_eq!(open.unwrap().caller.map(Caller::name), Some("talker"));
        drop(io);
        Ok::<_, BoxError>(())
    });
    let (result, report) = work.with_report().await;
    result.unwrap();
    let [talker] = report.unwrap().callers[..] else {
        panic!("one has a name");
    };
    assert_eq!((talker.bytes_sent, talker.bytes_received), (5, 5));
}

#[tokio::test]
async fn observers_are_given_the_caller() {
    let server = Server::start();
    let recorder = Arc::new(Recorder::new());
    let work = builder()
        .observer(recorder.clone())
        .open(caller("observed").scope(get(server.url("/ok"))));
    work.await.unwrap();
    let facts = recorder.facts();
    let callers = facts.iter().filter_map(|fact| match fact {
        Fact::RequestStarted { caller, .. } => Some(caller.map(Caller::name)),
        _ => None,
    });
    assert_eq!(callers.collect::<Vec<_>>(), [Some("observed")]);
}

//! A leak of what carries bytes says how many had come, and how long before.

use std::time::Duration;

use futures_util::StreamExt as _;
use http_context::{Leak, LeakKind, closing, http_session, spawn};
use http_context_tests::{Server, UpgradeServer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::oneshot;

use crate::support::{BoxError, clean, recorded};

/// For how long a leaking context drains.
const DRAIN: Duration = Duration::from_millis(30);

/// The last line but one of a leak, above its fix.
fn line_of_progress(leak: &Leak) -> String {
    let text = leak.to_string();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("  progress   "));
    line.unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_body_that_was_read_in_part_says_how_far_and_when_last() {
    let (server, (_, context)) = (Server::start(), recorded());
    let work = context.open(async {
        let request = http_session()?.get(server.url("/slow-body"));
        let mut response = request.send().await?;
        assert_eq!(response.chunk().await?.unwrap(), "first");
        Ok::<_, BoxError>(response)
    });
    let (kept, report) = work.with_report().await;
    let leak = &report.unwrap().leaks[0];
    let progress = leak.progress.unwrap();
    assert_eq!(leak.kind, LeakKind::ResponseBody);
    assert_eq!((progress.sent, progress.received), (0, Some(5)));
    let quiet = progress.quiet_for.unwrap();
    assert!(quiet >= DRAIN && quiet <= leak.age, "{quiet:?} {leak}");
    let line = line_of_progress(leak);
    assert!(line.starts_with("5 bytes so far, the last one "), "{leak}");
    drop(kept);
}

#[tokio::test]
async fn a_body_that_nobody_reads_says_since_when() {
    let (server, (_, context)) = (Server::start(), recorded());
    let work = context.open(async {
        let request = http_session()?.get(server.url("/bytes/100000"));
        Ok::<_, BoxError>(request.send().await?)
    });
    let (kept, report) = work.with_report().await;
    let leak = &report.unwrap().leaks[0];
    let progress = leak.progress.unwrap();
    assert_eq!(progress.received, Some(0));
    let quiet = progress.quiet_for.unwrap();
    assert!(quiet >= DRAIN && quiet <= leak.age, "{quiet:?} {leak}");
    assert!(line_of_progress(leak).starts_with("no byte so far, for "));
    drop(kept);
}

#[tokio::test]
async fn bodies_of_one_call_site_are_counted_together() {
    let (server, (_, context)) = (Server::start(), recorded());
    let work = context.open(async {
        let mut kept = Vec::new();
        for _ in 0..3 {
            let request = http_session()?.get(server.url("/slow-body"));
            let mut response = request.send().await?;
            assert_eq!(response.chunk().await?.unwrap(), "first");
            kept.push(response);
        }
        Ok::<_, BoxError>(kept)
    });
    let (kept, report) = work.with_report().await;
    let leaks = report.unwrap().leaks;
    assert_eq!((leaks.len(), leaks[0].count), (1, 3));
    assert_eq!(leaks[0].progress.unwrap().received, Some(15));
    drop(kept);
}

#[tokio::test]
async fn a_body_that_comes_until_the_end_is_not_silent() {
    let (server, (_, context)) = (Server::start(), recorded());
    let work = context.open(async {
        let session = http_session()?;
        let mut response = session.get(server.url("/slow-body")).send().await?;
        assert_eq!(response.chunk().await?.unwrap(), "first");
        // So much later.
        let other = session.get(server.url("/never")).read_timeout(DRAIN);
        assert!(other.send().await.is_err());
        server.gate().open();
        assert_eq!(response.chunk().await?.unwrap(), "rest.");
        Ok::<_, BoxError>(response)
    });
    let (kept, report) = work.with_report().await;
    let leak = &report.unwrap().leaks[0];
    let progress = leak.progress.unwrap();
    assert_eq!(progress.received, Some(10));
    let quiet = progress.quiet_for.unwrap();
    assert!(quiet + DRAIN <= leak.age, "{quiet:?} {leak}");
    drop(kept);
}

#[tokio::test]
async fn a_request_says_how_much_of_its_body_was_sent() {
    let (server, (_, context)) = (Server::start(), recorded());
    let work = context.open(async {
        let session = http_session()?;
        let first = futures_util::stream::iter([Ok::<_, BoxError>("some of it")]);
        let body = reqwest::Body::wrap_stream(first.chain(futures_util::stream::pending()));
        let upload = session.post(server.url("/upload")).body(body).send();
        let other = session.get(server.url("/never")).send();
        let tasks = (tokio::spawn(upload), tokio::spawn(other));
        server
            .wait_until(|counts| counts.held == 1 && counts.request_bytes == 10)
            .await;
        Ok::<_, BoxError>(tasks)
    });
    let (tasks, report) = work.with_report().await;
    let leaks = report.unwrap().leaks;
    let [upload, other] = ["POST", "GET"].map(|method| {
        let is_it = |leak: &&Leak| leak.detail.as_ref().unwrap().starts_with(method);
        leaks.iter().find(is_it).unwrap()
    });
    assert_eq!(upload.kind, LeakKind::RequestInFlight);
    assert_eq!(line_of_progress(upload), "10 bytes sent so far");
    assert_eq!(other.progress, None);
    assert_eq!(line_of_progress(other), "");
    let (upload, other) = tasks.unwrap();
    assert!(upload.await.unwrap().is_err() && other.await.unwrap().is_err());
}

#[tokio::test]
async fn an_upgraded_connection_says_what_it_carried_each_way() {
    let (server, (_, context)) = (UpgradeServer::start(), recorded());
    let work = context.open(async {
        let session = http_session()?;
        let request = session.get(server.url("/")).header("upgrade", "any");
        let mut io = session.upgrade(request.build()?).await?;
        io.write_all(b"hello").await?;
        io.flush().await?;
        let mut back = [0; 5];
        io.read_exact(&mut back).await?;
        Ok::<_, BoxError>(io)
    });
    let (kept, report) = work.with_report().await;
    let leak = &report.unwrap().leaks[0];
    let progress = leak.progress.unwrap();
    assert_eq!(leak.kind, LeakKind::UpgradedConnection);
    assert_eq!((progress.sent, progress.received), (5, Some(5)));
    let quiet = progress.quiet_for.unwrap();
    assert!(quiet >= DRAIN && quiet <= leak.age, "{quiet:?} {leak}");
    let line = line_of_progress(leak);
    let said = "5 bytes sent and 5 bytes received so far, the last one ";
    assert!(line.starts_with(said), "{leak}");
    drop(kept);
}

#[tokio::test]
async fn what_carries_nothing_has_none() {
    let (_, context) = recorded();
    let work = context.open(async { Ok::<_, BoxError>(http_session()?) });
    let (kept, report) = work.with_report().await;
    assert_eq!(report.unwrap().leaks[0].progress, None);
    drop(kept);
}

/// Reads for ever, and says when it has the first bytes.
async fn reads_for_ever(mut response: reqwest::Response, has_begun: oneshot::Sender<()>) {
    let mut has_begun = Some(has_begun);
    while let Ok(Some(_)) = response.chunk().await {
        if let Some(has_begun) = has_begun.take() {
            let _ = has_begun.send(());
        }
    }
}

#[tokio::test]
async fn a_stream_that_stops_at_the_exit_costs_it_nothing_and_one_that_reads_on_the_drain() {
    for stops in [true, false] {
        let (server, (_, context)) = (Server::start(), recorded());
        // One that the exit would be cut off by if it waited for what stops.
        let drain = if stops {
            Duration::from_mins(10)
        } else {
            DRAIN
        };
        let work = context.drain_timeout(drain).open(async {
            let request = http_session()?.get(server.url("/slow-body"));
            let response = request.send().await?;
            let (closing, (has_begun, begun)) = (closing(), oneshot::channel());
            spawn(async move {
                let reads = reads_for_ever(response, has_begun);
                if stops {
                    tokio::select! {
                        () = closing => {}
                        () = reads => {}
                    }
                } else {
                    reads.await;
                }
            });
            begun.await?;
            Ok::<_, BoxError>(())
        });
        let (result, report) = work.with_report().await;
        result.unwrap();
        server.wait_until(|counts| counts.open() == 0).await;
        if stops {
            clean(report);
            continue;
        }
        let report = report.unwrap();
        assert!(report.exit_duration >= DRAIN, "{report}");
        let body = |leak: &&Leak| leak.kind == LeakKind::ResponseBody;
        let leak = report.leaks.iter().find(body).unwrap();
        assert_eq!(leak.progress.unwrap().received, Some(5));
        assert!(leak.progress.unwrap().quiet_for.unwrap() >= DRAIN, "{leak}");
    }
}

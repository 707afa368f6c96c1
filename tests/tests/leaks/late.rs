//! What leaked and is released later is resolved then: leaks reported and leaks resolved balance.

use std::time::Duration;

use http_context::testing::{Fact, Recorder};
use http_context::{HttpSession, Leak, LeakKind, OpenError, http_session};
use http_context_tests::Server;

use crate::support::{BoxError, recorded};

fn open_leaks(recorder: &Recorder) -> usize {
    let count = |leaks: Vec<Leak>| leaks.iter().map(|leak| leak.count).sum::<usize>();
    count(recorder.leaks()) - count(recorder.resolved())
}

#[tokio::test]
async fn handles_one_by_one_and_their_late_clones_too() {
    let (recorder, context) = recorded();
    let kept: Vec<HttpSession> = context
        .open(async {
            let session = http_session().unwrap();
            Ok::<_, OpenError>(vec![session.clone(), session.clone(), session])
        })
        .await
        .unwrap();
    assert_eq!(recorder.leaks().len(), 1, "one place, one leak");
    assert_eq!(open_leaks(&recorder), 3);
    let late = kept[0].clone();
    assert_eq!(open_leaks(&recorder), 4);
    let mut left = 4;
    for handle in kept.into_iter().chain([late]) {
        drop(handle);
        left -= 1;
        assert_eq!(open_leaks(&recorder), left);
    }
    assert!(
        recorder
            .resolved()
            .iter()
            .all(|leak| leak.kind == LeakKind::SessionHandle)
    );
}

#[tokio::test]
async fn everything_that_can_be_held() {
    let (server, (recorder, context)) = (Server::start(), recorded());
    let work = context.open(async {
        let session = http_session()?;
        let mut request = Box::pin(session.get(server.url("/never")).send());
        assert!(futures_util::poll!(&mut request).is_pending());
        let body = session.get(server.url("/slow-body")).send().await?;
        let task = http_context::spawn(std::future::pending::<()>());
        let client = session.client();
        let builder = session.get(server.url("/ok"));
        Ok::<_, BoxError>((session, request, body, task, client, builder))
    });
    let (session, request, body, task, client, builder) = work.await.unwrap();
    assert_eq!(open_leaks(&recorder), 6, "{:?}", recorder.leaks());
    let resolved = |kind| {
        recorder
            .resolved()
            .iter()
            .filter(|leak| leak.kind == kind)
            .count()
    };

    drop(session);
    assert_eq!(resolved(LeakKind::SessionHandle), 1);
    drop(request);
    assert_eq!(resolved(LeakKind::RequestInFlight), 1);
    drop(body);
    assert_eq!(resolved(LeakKind::ResponseBody), 1);
    drop((client, builder));
    assert_eq!(resolved(LeakKind::ClientClone), 2);
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    assert_eq!(resolved(LeakKind::Task), 1);
    assert_eq!(open_leaks(&recorder), 0);
}

#[tokio::test]
async fn a_body_but_not_the_future_of_its_request_that_is_over() {
    let (server, (recorder, context)) = (Server::start(), recorded());
    let work = context.open(async {
        let mut request = Box::pin(http_session()?.get(server.url("/slow-body")).send());
        let body = (&mut request).await?;
        Ok::<_, BoxError>((request, body))
    });
    let (request, body) = work.await.unwrap();
    assert_eq!(open_leaks(&recorder), 1, "{:?}", recorder.leaks());
    drop(request);
    assert_eq!(open_leaks(&recorder), 1);
    drop(body);
    assert_eq!(open_leaks(&recorder), 0);
}

#[tokio::test]
async fn the_holder_of_a_cut_off_request_that_polls_it_again() {
    let (server, (recorder, context)) = (Server::start(), recorded());
    let work = context.open(async {
        let session = http_session()?;
        let request = tokio::spawn(session.get(server.url("/never")).send());
        let body = session.get(server.url("/slow-body")).send().await?;
        let body = tokio::spawn(body.bytes());
        server.wait_until(|counts| counts.held == 2).await;
        drop(session);
        Ok::<_, BoxError>((request, body))
    });
    let (request, body) = work.await.unwrap();
    assert!(request.await.unwrap().is_err());
    assert!(body.await.unwrap().is_err());
    assert_eq!((recorder.leaks().len(), open_leaks(&recorder)), (2, 0));
}

#[tokio::test]
#[cfg_attr(
    http_context_no_kernel,
    ignore = "nobody but the kernel shows a socket that is kept"
)]
async fn a_socket_that_the_server_releases_long_after_the_exit() {
    let (server, (recorder, context)) = (Server::builder().http1().start(), recorded());
    let context = context.cut_held_sockets(false);
    // A connection whose buffers are full cannot be closed from this side: what the client still
    // has to say before it closes has no way out.
    let upload = || reqwest::Body::from(vec![0; 32 << 20]);
    for (held, leaked) in [(1, 1), (2, 2)] {
        let work = context.clone().open(async {
            let mut request = Box::pin(
                http_session()?
                    .post(server.url("/never"))
                    .body(upload())
                    .send(),
            );
            tokio::select! {
                _ = &mut request => unreachable!("it never answers"),
                _ = server.wait_until(|counts| counts.held == held) => {}
            }
            Ok::<_, BoxError>(())
        });
        work.await.unwrap();
        assert_eq!(open_leaks(&recorder), leaked, "{:?}", recorder.leaks());
    }
    server.abort_connections();
    let mut resolved = 0;
    let all_gone = recorder.wait_for(|fact| {
        resolved += usize::from(matches!(fact, Fact::LeakResolved(_)));
        resolved == 2
    });
    let waited = tokio::time::timeout(Duration::from_secs(20), all_gone).await;
    assert!(waited.is_ok(), "{:?}", recorder.resolved());
}

#[tokio::test]
async fn a_request_of_a_kept_handle_is_no_leak_and_resolves_none() {
    let (recorder, context) = recorded();
    // The same call site before and after the exit.
    let request = |session: &http_context::HttpSession| session.get("http://127.0.0.1:1/");
    let work = context.open(async {
        let session = http_session().unwrap();
        drop(request(&session));
        Ok::<_, OpenError>(session)
    });
    let kept = work.await.unwrap();
    assert!(request(&kept).send().await.is_err());
    assert_eq!((recorder.leaks().len(), recorder.resolved().len()), (1, 0));
    drop(kept);
    assert_eq!((recorder.leaks().len(), recorder.resolved().len()), (1, 1));
}

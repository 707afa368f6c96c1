//! Requests on their way: plain, built elsewhere, through a client, redirected, queued, uploading.

use std::time::Duration;

use bytes::Bytes;
use http_context::{HttpSession, RequestError, current, http_session};

use crate::BoxError;
use crate::rig::{Protocol, Rig, over_both};

/// Cuts what is made of a session, over both protocols. The context goes on after it, and closes
/// clean.
async fn each_cut(request: impl AsyncFn(&Rig, HttpSession) -> Result<(), BoxError>) {
    over_both(async |rig, cut| {
        let opened = rig.context().max_connections_per_host(2).open(async {
            let ended = cut.run(request(rig, http_session()?)).await;
            assert_eq!(current().unwrap().requests_in_flight(), 0);
            // Both slots are there, and the session works.
            let others = (rig.get("/ok"), rig.get("/ok"));
            let (one, other) = futures_util::future::join(others.0, others.1).await;
            one?.bytes().await?;
            other?.bytes().await?;
            Ok::<_, BoxError>(ended)
        });
        let ended = opened.await.unwrap();
        rig.nothing_is_open_now();
        ended.map(Result::unwrap).is_some()
    })
    .await;
}

#[tokio::test]
async fn a_request() {
    each_cut(async |rig, session| {
        let url = rig.server.url("/slow-head");
        Ok(session.get(url).send().await.map(drop)?)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_whose_connection_runs_on_another_thread() {
    each_cut(async |rig, session| {
        let url = rig.server.url("/slow-head");
        Ok(session.get(url).send().await.map(drop)?)
    })
    .await;
}

#[tokio::test]
async fn a_request_that_was_built_elsewhere() {
    each_cut(async |rig, session| {
        let url = rig.server.url("/ok");
        let request = session.get(url).build()?;
        Ok(session.execute(request).await.map(drop)?)
    })
    .await;
}

#[tokio::test]
async fn a_request_of_a_client() {
    each_cut(async |rig, session| {
        let url = rig.server.url("/ok");
        Ok(session.client().get(url).send().await.map(drop)?)
    })
    .await;
}

#[tokio::test]
async fn a_request_that_is_redirected() {
    each_cut(async |rig, session| {
        let url = rig.server.url("/redirect/3");
        Ok(session.get(url).send().await.map(drop)?)
    })
    .await;
}

#[tokio::test]
async fn a_request_with_a_time_limit() {
    each_cut(async |rig, session| {
        let url = rig.server.url("/ok");
        let request = session.get(url).timeout(Duration::from_secs(20));
        Ok(request.send().await.map(drop)?)
    })
    .await;
}

#[tokio::test]
async fn a_request_that_waits_for_a_slot() {
    each_cut(async |rig, session| {
        let (url, held) = (rig.server.url("/ok"), rig.server.url("/slow-body"));
        let (one, other) = futures_util::future::join(
            session.get(held.as_str()).send(),
            session.get(held.as_str()).send(),
        )
        .await;
        let waits = session.get(url).send();
        let (one, other) = (one?.bytes(), other?.bytes());
        let read = async {
            tokio::task::yield_now().await;
            futures_util::future::join(one, other).await
        };
        let (answer, (one, other)) = futures_util::future::join(waits, read).await;
        one?;
        other?;
        Ok(answer.map(drop)?)
    })
    .await;
}

/// Pieces that come one turn of the runtime after the other.
fn pieces(count: usize) -> reqwest::Body {
    let stream = futures_util::stream::unfold(0, move |sent| async move {
        tokio::task::yield_now().await;
        (sent < count).then(|| {
            let piece = Bytes::from(vec![b'x'; 20_000]);
            (Ok::<_, std::io::Error>(piece), sent + 1)
        })
    });
    reqwest::Body::wrap_stream(stream)
}

#[tokio::test]
async fn an_upload_in_pieces() {
    each_cut(async |rig, session| {
        let url = rig.server.url("/upload");
        let response = session.post(url).body(pieces(8)).send().await?;
        assert_eq!(response.text().await?, "160000");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn an_upload_that_comes_back_as_it_goes() {
    each_cut(async |rig, session| {
        let url = rig.server.url("/echo");
        let response = session.post(url).body(pieces(8)).send().await?;
        assert_eq!(response.bytes().await?.len(), 160_000);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn an_upload_of_bytes_in_memory() {
    each_cut(async |rig, session| {
        let url = rig.server.url("/upload");
        let body = vec![b'x'; 300_000];
        let response = session.post(url).body(body).send().await?;
        assert_eq!(response.text().await?, "300000");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn one_that_makes_the_http2_connection_for_another_takes_it_along() {
    // hyper-util has one request make the connection of all that come meanwhile, and fails those
    // with it. So that is what `HttpSession::execute` says, and they were never sent.
    let rig = Rig::new(Protocol::Http2);
    let opened = rig.context().open(async {
        let mut makes = Box::pin(rig.get("/ok"));
        let mut waits = Box::pin(rig.get("/ok"));
        assert!(futures_util::poll!(&mut makes).is_pending());
        assert!(futures_util::poll!(&mut waits).is_pending());
        drop(makes);
        let error = waits.await.unwrap_err();
        let error = error.downcast_ref::<RequestError>().unwrap();
        assert!(error.is_connect(), "{error:?}");
        rig.get("/ok").await?.bytes().await?;
        Ok::<_, BoxError>(())
    });
    opened.await.unwrap();
    assert_eq!(rig.server.counts().requests, 1);
    rig.nothing_is_left().await;
}

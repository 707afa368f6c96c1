//! Response bodies, being read in each of the ways there are.

use futures_util::StreamExt as _;
use http_context::current;
use reqwest::Response;

use crate::BoxError;
use crate::cut::Cut;
use crate::rig::{Rig, over_both};

/// Cuts the reading of a body whose head is there. The context goes on after it, and closes clean.
async fn read<F: Future<Output = Result<usize, BoxError>>>(
    rig: &Rig,
    cut: Cut,
    path: &str,
    reading: impl FnOnce(Response) -> F,
) -> bool {
    let opened = rig.context().max_connections_per_host(1).open(async {
        let response = rig.get(path).await?;
        let ended = cut.run(reading(response)).await;
        assert_eq!(current().unwrap().requests_in_flight(), 0);
        rig.get("/ok").await?.bytes().await?;
        Ok::<_, BoxError>(ended)
    });
    let ended = opened.await.unwrap();
    rig.nothing_is_open_now();
    ended.is_some_and(|bytes| bytes.unwrap() > 0)
}

/// A body that pauses until its reader has been woken, so that there is an await to cut at.
async fn a_body<F: Future<Output = Result<usize, BoxError>>>(reading: impl Fn(Response) -> F) {
    over_both(async |rig, cut| {
        let (path, gate) = rig.paused_body();
        let reading = async |response| {
            let go_on = async {
                tokio::task::yield_now().await;
                gate.open();
            };
            futures_util::future::join(reading(response), go_on).await.0
        };
        read(rig, cut, &path, reading).await
    })
    .await;
}

#[tokio::test]
async fn read_as_bytes() {
    a_body(async |response| Ok(response.bytes().await?.len())).await;
}

#[tokio::test]
async fn read_as_text() {
    a_body(async |response| Ok(response.text().await?.len())).await;
}

/// As a loop over chunks, with an await of its own between them.
async fn by_the_chunk(mut response: Response) -> Result<usize, BoxError> {
    let mut bytes = 0;
    while let Some(chunk) = response.chunk().await? {
        bytes += chunk.len();
        tokio::task::yield_now().await;
    }
    Ok(bytes)
}

#[tokio::test]
async fn read_by_the_chunk() {
    a_body(by_the_chunk).await;
    let paths = ["/bytes/70000", "/chunked/6/4000"];
    for path in paths {
        over_both(async |rig, cut| read(rig, cut, path, by_the_chunk).await).await;
    }
}

#[tokio::test]
async fn read_as_a_stream() {
    a_body(async |response| {
        let mut stream = response.bytes_stream();
        let mut bytes = 0;
        while let Some(chunk) = stream.next().await {
            bytes += chunk?.len();
            tokio::task::yield_now().await;
        }
        Ok(bytes)
    })
    .await;
}

#[tokio::test]
async fn a_chunk_that_was_given_up_is_there_for_the_next_who_asks() {
    over_both(async |rig, cut| {
        let opened = rig.context().open(async {
            let (path, gate) = rig.paused_body();
            let mut response = rig.get(&path).await?;
            let mut bytes = 0;
            let ended = cut
                .run(async {
                    while let Some(chunk) = response.chunk().await? {
                        bytes += chunk.len();
                        tokio::task::yield_now().await;
                        gate.open();
                    }
                    Ok::<_, BoxError>(())
                })
                .await
                .is_some();
            gate.open();
            while let Some(chunk) = response.chunk().await? {
                bytes += chunk.len();
            }
            assert_eq!(bytes, "firstrest.".len(), "no chunk was lost");
            Ok::<_, BoxError>(ended)
        });
        let ended = opened.await.unwrap();
        rig.nothing_is_open_now();
        ended
    })
    .await;
}

//! WebSockets that are passed on: `axum::extract::ws` on one side, a socket of the session on the other.

use axum::extract::State;
use axum::extract::ws::{Message as Said, WebSocket as Above, WebSocketUpgrade};
use axum::response::Response;
use http_context::websocket::{CloseCode, Message, WebSocket};
use http_context::{Outcome, builder, http_session, spawn};
use http_context_sdks::{BoxError, accounted};
use tokio::sync::oneshot;

use super::{Failed, Scene};

/// The socket of the client comes in a task of axum's; what passes messages on is a child of the context,
/// which lasts as long as that does.
pub(super) async fn talk(
    State(upstream): State<String>,
    upgrade: WebSocketUpgrade,
) -> Result<Response, Failed> {
    let below = http_session()?.websocket(format!("{upstream}/talk"));
    let below = below.connect().await?;
    let (give, above) = oneshot::channel();
    spawn(async move { pass_on(above.await?, below).await });
    Ok(upgrade.on_upgrade(async |above| drop(give.send(above))))
}

async fn pass_on(mut above: Above, mut below: WebSocket) -> Result<(), BoxError> {
    loop {
        tokio::select! {
            said = above.recv() => match said {
                Some(Ok(Said::Text(text))) => below.send(Message::text(text.as_str())).await?,
                Some(Ok(Said::Binary(bytes))) => below.send(Message::binary(bytes)).await?,
                Some(Ok(Said::Ping(_) | Said::Pong(_))) => {}
                Some(Ok(Said::Close(_)) | Err(_)) | None => {
                    return Ok(below.close(CloseCode::Normal, "").await?);
                }
            },
            said = below.next() => match said.transpose()? {
                Some(Message::Text(text)) => above.send(Said::text(text.as_str())).await?,
                Some(Message::Binary(bytes)) => above.send(Said::Binary(bytes)).await?,
                Some(Message::Close(_)) | None => return Ok(above.send(Said::Close(None)).await?),
                Some(_) => {}
            },
        }
    }
}

/// Says everything again, until it is told to break off.
pub(super) async fn source(upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(async |mut socket| {
        while let Some(Ok(said)) = socket.recv().await {
            match said {
                Said::Text(text) if text.as_str() == "break off" => return,
                Said::Text(_) if socket.send(said).await.is_err() => return,
                _ => {}
            }
        }
    })
}

async fn connect(scene: &Scene) -> Result<WebSocket, BoxError> {
    let url = scene.service.url("/talk");
    let mut socket = http_session()?.websocket(url).connect().await?;
    socket.send(Message::text("hello")).await?;
    let echoed = socket.next().await.ok_or("it has ended")??;
    assert_eq!(echoed, Message::text("hello"));
    assert!(scene.recorder.reports().is_empty());
    Ok(socket)
}

#[tokio::test]
async fn messages_go_both_ways_and_the_context_lasts_as_long_as_they_do() {
    let scene = Scene::new();
    let work = async {
        let mut socket = connect(&scene).await?;
        Ok::<_, BoxError>(socket.close(CloseCode::Normal, "").await?)
    };
    builder().open(work).await.unwrap();
    let report = scene.report().await;
    assert_eq!(report.outcome, Outcome::Completed);
    accounted(&scene.upstream, [report]).await;
}

#[tokio::test]
async fn a_client_that_vanishes_ends_the_socket_upstream() {
    let scene = Scene::new();
    let work = async {
        drop(connect(&scene).await?);
        Ok::<_, BoxError>(())
    };
    builder().open(work).await.unwrap();
    let report = scene.report().await;
    assert!(report.is_clean(), "{report}");
    scene.upstream_is_idle().await;
}

#[tokio::test]
async fn an_upstream_that_breaks_off_reaches_the_client_as_such() {
    let scene = Scene::new();
    let work = async {
        let mut socket = connect(&scene).await?;
        socket.send(Message::text("break off")).await?;
        match socket.next().await {
            Some(Err(_)) => Ok(()),
            other => Err(BoxError::from(format!("{other:?}"))),
        }
    };
    builder().open(work).await.unwrap();
    let report = scene.report().await;
    assert!(report.is_clean(), "{report}");
    scene.upstream_is_idle().await;
}

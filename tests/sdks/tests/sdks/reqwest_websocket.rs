//! `reqwest-websocket` with its feature `middleware`, which takes the client of a session: the socket
//! belongs to the context.

use axum::Router;
use axum::extract::ws::{Message as Said, WebSocket as Socket, WebSocketUpgrade};
use axum::routing::get;
use futures_util::{SinkExt as _, TryStreamExt as _};
use http_context::{LeakKind, builder, http_session};
use http_context_sdks::{BoxError, Server, accounted, impatient, leak_at};
use reqwest_websocket::{CloseCode, Message, Upgrade as _, WebSocket};

async fn connect(url: String) -> Result<WebSocket, BoxError> {
    let client = http_session()?.client();
    Ok(client
        .get(url)
        .upgrade()
        .send()
        .await?
        .into_websocket()
        .await?)
}

async fn job(url: String) -> Result<(), BoxError> {
    let mut socket = connect(url).await?;
    for said in ["hello", "again"] {
        socket.send(Message::Text(said.to_owned())).await?;
        let Some(Message::Text(echoed)) = socket.try_next().await? else {
            return Err("something else came".into());
        };
        assert_eq!(echoed, said);
    }
    socket
        .send(Message::Close {
            code: CloseCode::Normal,
            reason: String::new(),
        })
        .await?;
    // The answer of the server, and the end.
    while socket.try_next().await?.is_some() {}
    Ok(())
}

fn server() -> Server {
    let upgrade = async |upgrade: WebSocketUpgrade| upgrade.on_upgrade(echo);
    Server::start(Router::new().route("/", get(upgrade)))
}

async fn echo(mut socket: Socket) {
    while let Some(Ok(message)) = socket.recv().await {
        if matches!(message, Said::Text(_)) && socket.send(message).await.is_err() {
            break;
        }
    }
}

#[tokio::test]
async fn a_conversation_is_accounted_for() {
    let server = server();
    let (result, report) = builder().open(job(server.url("/"))).with_report().await;
    result.unwrap();
    accounted(&server, report).await;
}

#[tokio::test]
async fn a_socket_that_is_kept_is_a_leak_of_the_line_that_asked_for_the_session() {
    let server = server();
    let work = connect(server.url("/"));
    let (kept, report) = impatient().open(work).with_report().await;
    leak_at(
        &report.unwrap(),
        LeakKind::UpgradedConnection,
        "http_session()?.client()",
    );
    let error = kept.unwrap().try_next().await.unwrap_err();
    assert!(
        http_context::SessionClosed::find(&error).is_some(),
        "{error:?}"
    );
    server.wait_until(|counts| counts.open == 0).await;
}

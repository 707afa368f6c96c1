//! Talks to a WebSocket server, and lets the exit of the context take leave of it.
//!
//! `cargo run -p http-context --features websocket --example websocket_echo`

#![allow(clippy::print_stdout, reason = "it shows what it does")]

use futures_util::{SinkExt as _, StreamExt as _};
use http_context::websocket::{CloseCode, Message};
use http_context::{http_session, open};
use tokio::net::TcpListener;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Echoes what one client says until it closes. Returns the code that it closes with.
async fn echo(listener: TcpListener) -> Result<Option<CloseCode>, BoxError> {
    let (socket, _) = listener.accept().await?;
    let mut socket = tokio_tungstenite::accept_async(socket).await?;
    while let Some(message) = socket.next().await {
        match message? {
            Message::Close(frame) => return Ok(frame.map(|frame| frame.code)),
            message => socket.send(message).await?,
        }
    }
    Ok(None)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    run().await
}

async fn run() -> Result<(), BoxError> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("ws://{}/", listener.local_addr()?);
    let server = tokio::spawn(echo(listener));

    let (socket, report) = open(async || {
        let mut socket = http_session()?.websocket(url).connect().await?;
        for text in ["hello", "again"] {
            socket.send(Message::text(text)).await?;
            let answer = socket.next().await.ok_or("the server went away")??;
            println!("sent {text:?}, received {:?}", answer.to_text()?);
        }
        // Nobody closes it: it ends with its context, by a Close frame that says so.
        Ok::<_, BoxError>(socket)
    })
    .with_report()
    .await;

    let code = server.await??;
    println!("the server was told: {code:?}\n");
    assert_eq!(code, Some(CloseCode::Away));
    // It was kept past the exit, which is a leak even though it is closed.
    println!("{}", report.ok_or("a context was opened")?);
    drop(socket?);
    Ok(())
}

#[cfg(test)]
#[tokio::test]
async fn it_runs() -> Result<(), BoxError> {
    run().await
}

//! As much of a Kubernetes API server as the example asks of one.

use axum::body::{Body, Bytes};
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use axum::routing::get;
use axum::{Json, Router};
use futures_util::stream;
use http_context_sdks::{BoxError, Server};
use serde_json::{Value, json};

/// The channels of a process.
const STDIN: u8 = 0;
const STDOUT: u8 = 1;
const STATUS: u8 = 3;
/// Says that the channel in the next byte has ended.
const CLOSE: u8 = 255;

pub(super) fn server() -> Server {
    Server::start(
        Router::new()
            .route("/version", get(version))
            .route("/api/v1/namespaces/default/configmaps", get(watch))
            .route("/api/v1/namespaces/default/pods/web/exec", get(exec)),
    )
}

async fn version() -> Json<Value> {
    Json(json!({
        "major": "1",
        "minor": "35",
        "gitVersion": "v1.35.0",
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "2026-01-01T00:00:00Z",
        "goVersion": "go1.25",
        "compiler": "gc",
        "platform": "linux/amd64",
    }))
}

/// An event a line, each in a piece of its own.
async fn watch() -> Body {
    let events = ["first", "second"].map(|name| {
        let event = json!({
            "type": "ADDED",
            "object": {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": { "name": name, "resourceVersion": "1" },
            },
        });
        Ok::<_, BoxError>(Bytes::from(format!("{event}\n")))
    });
    Body::from_stream(stream::iter(events))
}

async fn exec(upgrade: WebSocketUpgrade) -> Response {
    upgrade.protocols(["v5.channel.k8s.io"]).on_upgrade(cat)
}

/// Gives back what comes, and a status at its end. Then it waits for the client to go.
async fn cat(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        let Message::Binary(message) = message else {
            continue;
        };
        let answer = match message.split_first() {
            Some((&STDIN, input)) => [&[STDOUT], input].concat(),
            Some((&CLOSE, _)) => {
                let status = json!({ "status": "Success", "metadata": {} });
                [&[STATUS], status.to_string().as_bytes()].concat()
            }
            _ => continue,
        };
        if socket.send(Message::Binary(answer.into())).await.is_err() {
            break;
        }
    }
}

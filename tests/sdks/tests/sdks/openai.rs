//! As much of a server of chats as its clients need here.

use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use futures_util::{StreamExt as _, stream};
use http_context_sdks::{BoxError, Server};
use serde_json::{Value, json};

/// What it says to everything, piece by piece where it is asked to.
pub(crate) const ANSWER: [&str; 3] = ["A machine", " that", " computes."];

/// Below `/endless` a stream of pieces has no end.
pub(crate) fn server() -> Server {
    Server::start(
        Router::new()
            .route("/v1/chat/completions", post(answer))
            .route("/endless/chat/completions", post(answer_for_ever)),
    )
}

async fn answer(Json(question): Json<Value>) -> Response {
    if question["stream"] == true {
        let end = stream::iter([Bytes::from_static(b"data: [DONE]\n\n")]);
        return events(stream::iter(ANSWER.map(piece)).chain(end));
    }
    let message = json!({ "role": "assistant", "content": ANSWER.concat() });
    let choice = json!({ "index": 0, "message": message, "finish_reason": "stop" });
    Json(json!({
        "id": "1",
        "object": "chat.completion",
        "created": 0,
        "model": "small",
        "choices": [choice],
        "usage": { "prompt_tokens": 4, "completion_tokens": 4, "total_tokens": 8 },
    }))
    .into_response()
}

async fn answer_for_ever() -> Response {
    events(stream::once(async { piece("And") }).chain(stream::pending()))
}

/// Server-sent events.
fn events(events: impl futures_util::Stream<Item = Bytes> + Send + 'static) -> Response {
    let body = Body::from_stream(events.map(Ok::<_, BoxError>));
    ([(header::CONTENT_TYPE, "text/event-stream")], body).into_response()
}

fn piece(content: &str) -> Bytes {
    let event = json!({
        "id": "1",
        "object": "chat.completion.chunk",
        "created": 0,
        "model": "small",
        "choices": [{ "index": 0, "delta": { "content": content }, "finish_reason": null }],
    });
    format!("data: {event}\n\n").into()
}

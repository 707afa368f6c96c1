//! What the servers do over WebSockets.

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::AsyncReadExt;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::counts::Counts;

/// A WebSocket that was asked for, and begins when its connection has sent the answer.
#[derive(Debug)]
pub(super) struct Opening {
    upgrade: OnUpgrade,
    answers_close: bool,
}

/// The answer that opens a WebSocket, and the WebSocket; or one that does not, where none was asked
/// for.
pub(super) fn open(
    mut request: Request<Incoming>,
    answers_close: bool,
) -> (Response<Full<Bytes>>, Option<Opening>) {
    let key = request.headers().get(SEC_WEBSOCKET_KEY);
    let accept = key.map(|key| derive_accept_key(key.as_bytes()));
    let mut response = Response::builder()
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "websocket");
    let Some(accept) = accept else {
        response = response.status(StatusCode::UPGRADE_REQUIRED);
        return (answer(response), None);
    };
    response = response
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(SEC_WEBSOCKET_ACCEPT, accept);
    let upgrade = hyper::upgrade::on(&mut request);
    let opening = Opening {
        upgrade,
        answers_close,
    };
    (answer(response), Some(opening))
}

fn answer(response: http::response::Builder) -> Response<Full<Bytes>> {
    response
        .body(Full::default())
        .expect("base64 and constants are headers")
}

impl Opening {
    /// Sends back what comes, until the client closes.
    pub(super) async fn serve(self, counts: &Counts) {
        let Ok(upgraded) = self.upgrade.await else {
            return;
        };
        counts.websocket();
        let stream = TokioIo::new(upgraded);
        let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
        while let Some(Ok(message)) = socket.next().await {
            match message {
                Message::Text(_) | Message::Binary(_) => {
                    counts.received_message();
                    if socket.send(message).await.is_err() {
                        return;
                    }
                    counts.sent_message();
                }
                // The library has made the answer, and would send it when it is polled next.
                Message::Close(_) if !self.answers_close => {
                    counts.fault();
                    until_the_end(socket.get_mut()).await;
                    return;
                }
                _ => {}
            }
        }
    }
}

/// Waits until the client has closed the connection.
async fn until_the_end(stream: &mut TokioIo<Upgraded>) {
    let mut rest = [0; 64];
    while let Ok(1..) = stream.read(&mut rest).await {}
}

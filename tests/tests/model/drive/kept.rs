//! What a program keeps; the counterpart of [`reference::Kept`](crate::reference::Kept).

use std::pin::Pin;

use http_context::HttpSession;
use http_context::websocket::{PooledWebSocket, WebSocket, WebSocketPool};
use reqwest_middleware::ClientWithMiddleware;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;

use crate::served::ServedBody;

/// An upgraded connection, by whatever method.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

pub(super) enum Kept {
    Handle(HttpSession),
    Client(ClientWithMiddleware),
    Plain(reqwest::Client),
    PlainBody(reqwest::Response),
    Body(reqwest::Response),
    InFlight(JoinHandle<Result<reqwest::Response, http_context::RequestError>>),
    Upgraded(Box<dyn Stream>),
    Socket(WebSocket),
    Pool(WebSocketPool),
    Lent(PooledWebSocket),
    Served(ServedBody),
    Closing(Pin<Box<dyn Future<Output = ()> + Send>>),
}

impl Kept {
    pub(super) async fn let_go(self) {
        if let Self::InFlight(task) = self {
            task.abort();
            let _ = task.await;
        }
    }
}

//! WebSockets of a session: opened by its handshake, spoken by tungstenite, and closed with their
//! context in the words of their protocol.
//!
//! A socket is what `Shared` is in `shared.rs`: its holder polls it from one task or two, and the exit
//! of the context and the heartbeat poll it beside them.

mod builder;
mod control;
mod halves;
mod handshake;
mod heartbeat;
mod leave;
mod pool;
mod shared;
mod socket;
mod state;
mod wakers;

use http::Method;
use reqwest::IntoUrl;
/// The crate whose types stand in signatures of this module.
pub use tokio_tungstenite::tungstenite;
pub use tungstenite::protocol::frame::coding::CloseCode;
pub use tungstenite::protocol::{CloseFrame, Message};

pub use self::builder::WebSocketBuilder;
pub use self::halves::{WebSocketReader, WebSocketWriter};
pub use self::pool::{PooledWebSocket, WebSocketPool, WebSocketPoolBuilder, WebSocketPoolError};
pub use self::socket::WebSocket;
pub use crate::error::{HandshakeMismatch, WebSocketError, WebSocketRefusal};
use crate::session::HttpSession;

impl HttpSession {
    /// Begins a WebSocket to a URL of the scheme `ws`, `wss`, `http` or `https`. An invalid URL is
    /// reported by `connect`.
    ///
    /// The WebSocket belongs to the context as a request does: same proxies and TLS, a slot of its
    /// host for as long as it is open, and closed by the exit. See [`WebSocket`].
    ///
    /// ```no_run
    /// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::Duration;
    ///
    /// use http_context::http_session;
    /// use http_context::websocket::{CloseCode, Message};
    ///
    /// let session = http_session()?;
    /// let request = session.websocket("wss://api.example.com/speech").bearer_auth("token");
    /// let mut socket = request.heartbeat(Duration::from_secs(30)).connect().await?;
    ///
    /// socket.send(Message::text("hello")).await?;
    /// while let Some(message) = socket.next().await {
    ///     if let Message::Text(text) = message? {
    ///         println!("{text}");
    ///         break;
    ///     }
    /// }
    /// socket.close(CloseCode::Normal, "").await?;
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn websocket<U: IntoUrl>(&self, url: U) -> WebSocketBuilder {
        WebSocketBuilder::new(self.request(Method::GET, url))
    }
}

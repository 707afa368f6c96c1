//! What a client and a server say to one another before they speak WebSocket.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use reqwest::Request;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::error::HandshakeMismatch;

/// The client's half.
pub(super) struct Handshake {
    key: String,
    subprotocols: Vec<String>,
}

impl Handshake {
    pub(super) fn new(subprotocols: Vec<String>) -> Self {
        Self {
            key: generate_key(),
            subprotocols,
        }
    }

    /// Makes the request ask for a WebSocket.
    pub(super) fn ask(&self, request: &mut Request) {
        let scheme = match request.url().scheme() {
            "ws" => Some("http"),
            "wss" => Some("https"),
            // It goes as it is, or fails as any other request of its scheme.
            _ => None,
        };
        if let Some(scheme) = scheme {
            let replaced = request.url_mut().set_scheme(scheme);
            replaced.expect("a special scheme can be replaced by another");
        }
        request.url_mut().set_fragment(None);
        let headers = request.headers_mut();
        let upgrade = HeaderValue::from_static("Upgrade");
        headers.insert(header::CONNECTION, upgrade);
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        let version = HeaderValue::from_static("13");
        headers.insert(header::SEC_WEBSOCKET_VERSION, version);
        let key = HeaderValue::from_str(&self.key).expect("base64 is a header");
        headers.insert(header::SEC_WEBSOCKET_KEY, key);
        // Nothing here speaks one.
        headers.remove(header::SEC_WEBSOCKET_EXTENSIONS);
    }

    /// Whether the answer is to what was asked. Returns the subprotocol.
    pub(super) fn check(&self, headers: &HeaderMap) -> Result<Option<String>, HandshakeMismatch> {
        let names = |name: HeaderName, word: &str| {
            let values = headers.get_all(&name).iter();
            let mut words = values
                .filter_map(|value| value.to_str().ok())
                .flat_map(|v| v.split(','));
            let is_named = words.any(|one| one.trim().eq_ignore_ascii_case(word));
            is_named
                .then_some(())
                .ok_or(HandshakeMismatch::Header(name))
        };
        names(header::UPGRADE, "websocket")?;
        names(header::CONNECTION, "upgrade")?;
        let expected = derive_accept_key(self.key.as_bytes());
        let mut accepts = headers.get_all(header::SEC_WEBSOCKET_ACCEPT).iter();
        let accept = accepts.next().filter(|_| accepts.next().is_none());
        if accept.is_none_or(|accept| accept.as_bytes() != expected.as_bytes()) {
            return Err(HandshakeMismatch::AcceptKey);
        }
        if let Some(extension) = headers.get(header::SEC_WEBSOCKET_EXTENSIONS) {
            let extension = String::from_utf8_lossy(extension.as_bytes());
            return Err(HandshakeMismatch::Extension(extension.into_owned()));
        }
        self.check_subprotocol(headers)
    }

    fn check_subprotocol(&self, headers: &HeaderMap) -> Result<Option<String>, HandshakeMismatch> {
        // More than one is none that was asked for.
        let chosen = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter();
        let chosen: Vec<_> = chosen
            .map(|chosen| String::from_utf8_lossy(chosen.as_bytes()))
            .collect();
        if chosen.is_empty() {
            return if self.subprotocols.is_empty() {
                Ok(None)
            } else {
                Err(HandshakeMismatch::NoSubprotocol)
            };
        }
        let chosen = chosen.join(", ");
        if self.subprotocols.contains(&chosen) {
            Ok(Some(chosen))
        } else {
            Err(HandshakeMismatch::Subprotocol(chosen))
        }
    }
}

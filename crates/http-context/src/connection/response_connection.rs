//! The connection that a response came over.

use std::sync::Arc;
use std::time::Duration;

use http::header;
use http_body::Body as _;
use hyper_util::client::legacy::connect::HttpInfo;
use reqwest::{Response, Version};

use super::connection::Connection;
use crate::facts::{AddressPair, ConnectionUse};

/// How a response came.
pub(crate) struct ResponseConnection {
    pub(crate) connection_use: ConnectionUse,
    pub(crate) connection: Option<Arc<Connection>>,
    /// How long the connection had been idle when the request was sent, when it was reused.
    pub(crate) idle: Option<Duration>,
    pub(crate) addresses: Option<AddressPair>,
    /// Whether the peer has announced to close it after this response.
    pub(crate) closes: bool,
    /// Whether its body says itself how it ends.
    pub(super) ends_elsewhere: bool,
}

impl ResponseConnection {
    /// What is known of a response whose connection is not.
    pub(crate) fn unknown(response: &Response) -> Self {
        let info = response.extensions().get::<HttpInfo>();
        Self {
            connection_use: ConnectionUse::Unknown,
            connection: None,
            idle: None,
            addresses: info.map(|info| AddressPair {
                local: info.local_addr(),
                remote: info.remote_addr(),
            }),
            closes: false,
            ends_elsewhere: false,
        }
    }

    /// The response reaches nobody.
    pub(crate) fn end_response(self, response: Response) {
        let body = http::Response::<reqwest::Body>::from(response).into_body();
        let is_whole = body.is_end_stream();
        if let Some(connection) = self.connection.as_ref().filter(|_| !is_whole) {
            // Before that, since its close may be announced at once.
            connection.note_dropped();
        }
        drop(body);
        if let Some(connection) = self.connection {
            connection.response_ended(is_whole, self.closes);
        }
    }

    /// Takes over to say how the response on it ends, where anybody hears of that.
    pub(crate) fn take_observed(&mut self) -> Option<Arc<Connection>> {
        let connection = self.connection.as_ref().filter(|one| one.is_observed());
        let taken = connection.map(Arc::clone);
        self.ends_elsewhere |= taken.is_some();
        taken
    }

    /// Whose part it is to say how the response on it ends.
    pub(crate) fn ending(self) -> Option<Arc<Connection>> {
        self.connection.filter(|_| !self.ends_elsewhere)
    }
}

/// Whether the peer closes the connection once it has sent this response.
pub(super) fn closes_after(response: &Response) -> bool {
    let says = |what: &str| {
        // Most say nothing of it.
        if !response.headers().contains_key(header::CONNECTION) {
            return false;
        }
        let values = response.headers().get_all(header::CONNECTION).iter();
        let options = values.filter_map(|value| value.to_str().ok());
        let mut options = options.flat_map(|value| value.split(','));
        options.any(|option| option.trim().eq_ignore_ascii_case(what))
    };
    match response.version() {
        Version::HTTP_11 => says("close"),
        Version::HTTP_10 | Version::HTTP_09 => !says("keep-alive"),
        _ => false,
    }
}

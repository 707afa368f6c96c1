//! The four ways to speak HTTP to a test server.

use http_context_tests::{Server, ServerBuilder, tls};
use reqwest::Client;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Wire {
    Http1,
    Http2,
    TlsHttp1,
    TlsHttp2,
}

impl Wire {
    pub(crate) const ALL: [Self; 4] = [Self::Http1, Self::Http2, Self::TlsHttp1, Self::TlsHttp2];

    pub(crate) fn is_http2(self) -> bool {
        matches!(self, Self::Http2 | Self::TlsHttp2)
    }

    /// A server for it, and a client that will use it.
    pub(crate) fn pair(self) -> (Server, Client) {
        self.pair_with(Server::builder())
    }

    pub(crate) fn pair_with(self, server: ServerBuilder) -> (Server, Client) {
        let client = tls::trusting(Client::builder()).no_proxy();
        let (server, client) = match self {
            Self::Http1 => (server, client),
            Self::Http2 => (server, client.http2_prior_knowledge()),
            Self::TlsHttp1 => (server.http1().tls(), client),
            Self::TlsHttp2 => (server.http2().tls(), client),
        };
        (server.start(), client.build().unwrap())
    }
}

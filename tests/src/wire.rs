//! The ways to speak HTTP to a test server.

use http_context::{ContextBuilder, HttpVersions, Tls};
use reqwest::Client;

use crate::server::{Server, ServerBuilder};
use crate::tls;

/// What carries requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wire {
    /// HTTP/1.1 in clear.
    Http1,
    /// HTTP/2 in clear, by prior knowledge.
    Http2,
    /// HTTP/1.1 over TLS.
    TlsHttp1,
    /// HTTP/2 over TLS, by ALPN.
    TlsHttp2,
}

impl Wire {
    /// Each of them.
    pub const ALL: [Self; 4] = [Self::Http1, Self::Http2, Self::TlsHttp1, Self::TlsHttp2];

    /// Whether requests share a connection.
    pub fn is_http2(self) -> bool {
        matches!(self, Self::Http2 | Self::TlsHttp2)
    }

    /// Whether it is encrypted.
    pub fn is_tls(self) -> bool {
        matches!(self, Self::TlsHttp1 | Self::TlsHttp2)
    }

    /// A server for it. In clear a server takes what its client speaks.
    pub fn server(self, builder: ServerBuilder) -> Server {
        match self {
            Self::Http1 | Self::Http2 => builder,
            Self::TlsHttp1 => builder.http1().tls(),
            Self::TlsHttp2 => builder.http2().tls(),
        }
        .start()
    }

    /// A context that takes it to such a server.
    pub fn context(self, builder: ContextBuilder) -> ContextBuilder {
        let builder = builder.tls(Tls::Config(tls::client_config()));
        match self {
            Self::Http2 => builder.http_versions(HttpVersions::Http2),
            _ => builder,
        }
    }

    /// A server for it, and a client that knows nothing of contexts and takes it.
    ///
    /// # Panics
    ///
    /// When the client cannot be built.
    pub fn pair(self) -> (Server, Client) {
        let client = tls::trusting(Client::builder()).no_proxy();
        let client = match self {
            Self::Http2 => client.http2_prior_knowledge(),
            _ => client,
        };
        let client = client.build().expect("its options are in order");
        (self.server(Server::builder()), client)
    }
}

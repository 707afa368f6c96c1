//! What sends each hop of a request.

use std::sync::{Arc, OnceLock};

use http::header::{self, Entry};
use http::{HeaderMap, Version};
use reqwest::{Client, Request};

use super::client::client_builder;
use super::host_slots::HostSlots;
use super::options::SessionOptions;
use super::redirect::Rules;
use super::tls::HttpVersions;
use crate::connection::{SessionConnections, SessionLayer};
use crate::scope::Connectors;

/// A client that is made when it is first wanted; `None` in it when it could not be made.
#[derive(Default)]
pub(super) struct Beside(OnceLock<Option<Client>>);

/// The client of a session, below all middleware. It follows no redirects.
pub(super) struct HopClient {
    pub(super) client: Client,
    /// Speaks HTTP/1.1 alone, for upgrades that would go over HTTP/2 otherwise.
    pub(super) http1: Beside,
    /// Speaks HTTP/2 by prior knowledge, for requests in clear that ask for that version.
    pub(super) http2: Beside,
    pub(super) hosts: HostSlots,
    pub(super) connections: Arc<SessionConnections>,
    /// Those of these clients. Whoever sends by one of them finds them in its request.
    pub(super) connectors: Arc<Connectors>,
    pub(super) rules: Rules,
    /// Default headers and limits of time are set from them and not by the client, which would add
    /// to each hop what a redirect has removed, and begin to count anew.
    pub(super) options: Arc<SessionOptions>,
}

impl HopClient {
    /// The places of their connectors.
    pub(super) const MAIN: usize = 0;
    const HTTP1: usize = 1;
    const HTTP2: usize = 2;

    /// The client for a request.
    pub(super) fn client_of(&self, request: &Request) -> &Client {
        let is_clear = request.url().scheme() == "http";
        if request.headers().contains_key(header::UPGRADE) {
            let may_be_http2 = match self.options.http_versions {
                HttpVersions::All => !is_clear,
                HttpVersions::Http1 => false,
                HttpVersions::Http2 => true,
            };
            if may_be_http2 {
                return self.beside::<{ Self::HTTP1 }>(&self.http1, HttpVersions::Http1);
            }
        } else if request.version() == Version::HTTP_2
            && is_clear
            && self.options.http_versions != HttpVersions::Http2
        {
            // Else nobody could tell: in clear nothing is agreed upon.
            return self.beside::<{ Self::HTTP2 }>(&self.http2, HttpVersions::Http2);
        }
        &self.client
    }

    fn beside<'c, const AT: usize>(
        &'c self,
        beside: &'c Beside,
        versions: HttpVersions,
    ) -> &'c Client {
        let made = beside.0.get_or_init(|| {
            let layer = SessionLayer::<AT> {
                connectors: Arc::clone(&self.connectors),
                options: self.options.connect(versions, &self.connections),
            };
            let builder = client_builder(&self.options, versions, layer);
            builder.ok()?.build().ok()
        });
        made.as_ref().unwrap_or(&self.client)
    }

    /// Sets what the caller has not set.
    pub(super) fn set_defaults(&self, request: &mut Request) {
        if let Some(limit) = self.options.request_timeout {
            request.timeout_mut().get_or_insert(limit);
        }
        self.add_default_headers(request.headers_mut());
    }

    fn add_default_headers(&self, headers: &mut HeaderMap) {
        if let Some(name) = &self.options.user_agent
            && let Entry::Vacant(vacant) = headers.entry(header::USER_AGENT)
        {
            vacant.insert(name.clone());
        }
        let defaults = &self.options.default_headers;
        for name in defaults.keys() {
            if let Entry::Vacant(vacant) = headers.entry(name) {
                let mut values = defaults.get_all(name).iter();
                let Some(first) = values.next() else { continue };
                let mut entry = vacant.insert_entry(first.clone());
                for value in values {
                    entry.append(value.clone());
                }
            }
        }
    }
}

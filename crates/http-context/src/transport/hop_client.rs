//! What sends each hop of a request.

use std::sync::{Arc, OnceLock};

use http::HeaderMap;
use http::header::{self, Entry};
use reqwest::{Client, Request};

use super::client::client_builder;
use super::host_slots::HostSlots;
use super::options::SessionOptions;
use super::redirect::Rules;
use super::tls::HttpVersions;
use crate::connection::SessionConnections;

/// The client of a session, below all middleware. It follows no redirects.
pub(super) struct HopClient {
    pub(super) client: Client,
    /// Speaks HTTP/1.1 alone. Made for the first upgrade that would go over HTTP/2 otherwise, where
    /// there is none; `None` in it when it could not be made.
    pub(super) for_upgrades: OnceLock<Option<Client>>,
    pub(super) hosts: HostSlots,
    pub(super) connections: Arc<SessionConnections>,
    pub(super) rules: Rules,
    /// Default headers and limits of time are set from them and not by the client, which would add
    /// to each hop what a redirect has removed, and begin to count anew.
    pub(super) options: Arc<SessionOptions>,
}

impl HopClient {
    /// The client for a request.
    pub(super) fn client_of(&self, request: &Request) -> &Client {
        if !request.headers().contains_key(header::UPGRADE) {
            return &self.client;
        }
        let may_be_http2 = match self.options.http_versions {
            HttpVersions::All => request.url().scheme() == "https",
            HttpVersions::Http1 => false,
            HttpVersions::Http2 => true,
        };
        if !may_be_http2 {
            return &self.client;
        }
        let for_upgrades = self.for_upgrades.get_or_init(|| {
            let connections = Arc::clone(&self.connections);
            let builder = client_builder(&self.options, HttpVersions::Http1, connections);
            builder.ok()?.build().ok()
        });
        for_upgrades.as_ref().unwrap_or(&self.client)
    }

    /// Sets what the caller has not set.
    pub(super) fn set_defaults(&self, request: &mut Request) {
        if let Some(limit) = self.options.request_timeout {
            request.timeout_mut().get_or_insert(limit);
        }
        self.add_default_headers(request.headers_mut());
    }

    fn add_default_headers(&self, headers: &mut HeaderMap) {
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

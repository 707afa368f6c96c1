//! What sends each hop of a request.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use http::header::Entry;
use reqwest::{Client, Request};

use super::host_slots::HostSlots;
use super::redirect::Rules;
use crate::connection::SessionConnections;

/// The client of a session, below all middleware. It follows no redirects.
pub(super) struct HopClient {
    pub(super) client: Client,
    pub(super) hosts: HostSlots,
    pub(super) connections: Arc<SessionConnections>,
    pub(super) rules: Rules,
    /// Here and not in the client, which would add to each hop what a redirect has removed.
    pub(super) default_headers: HeaderMap,
    /// Here for the same reason: it holds for all hops together.
    pub(super) request_timeout: Option<Duration>,
}

impl HopClient {
    /// Sets what the caller has not set.
    pub(super) fn set_defaults(&self, request: &mut Request) {
        if let Some(limit) = self.request_timeout {
            request.timeout_mut().get_or_insert(limit);
        }
        self.add_default_headers(request.headers_mut());
    }

    fn add_default_headers(&self, headers: &mut HeaderMap) {
        for name in self.default_headers.keys() {
            if let Entry::Vacant(vacant) = headers.entry(name) {
                let mut values = self.default_headers.get_all(name).iter();
                let Some(first) = values.next() else { continue };
                let mut entry = vacant.insert_entry(first.clone());
                for value in values {
                    entry.append(value.clone());
                }
            }
        }
    }
}

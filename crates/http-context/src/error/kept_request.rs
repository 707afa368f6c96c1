//! What is kept of a request for the error that it may end with.

use http::HeaderValue;
use http::header::{AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION};
use reqwest::{Request, Url};

/// What an error of a request says of it, and keeps to itself.
#[derive(Debug)]
pub(crate) struct KeptRequest {
    pub(crate) url: Url,
    /// What it proves who it comes from with.
    pub(crate) credentials: Vec<HeaderValue>,
}

impl KeptRequest {
    pub(crate) fn of(request: &Request) -> Self {
        let names = [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE];
        let values = names
            .iter()
            .flat_map(|name| request.headers().get_all(name));
        Self {
            url: request.url().clone(),
            credentials: values.cloned().collect(),
        }
    }
}

//! What each request of a context gets that its caller has not set: where a relative URL leads, who it
//! comes from, its cookies, and whether an error status is an error.
//!
//! All of it belongs to the context and not to what carries its requests, so that sessions which
//! are handed from one context to the next have none of it.

mod auth;
mod base_url;
#[cfg(feature = "cookies")]
mod cookies;
mod options;

use std::borrow::Cow;
#[cfg(feature = "cookies")]
use std::sync::Arc;

use http::header::{AUTHORIZATION, HeaderMap};
use reqwest::{Request, Url};

use self::auth::AuthOfOrigin;
pub use self::auth::DefaultAuth;
#[cfg(feature = "cookies")]
pub use self::cookies::{Cookie, CookieJar};
#[cfg(feature = "cookies")]
pub(crate) use self::cookies::{CookieOption, Cookies};
pub(crate) use self::options::DefaultOptions;

/// What the requests of one context get. Most contexts have none.
pub(crate) struct Defaults {
    base_url: Option<Url>,
    auth: Option<AuthOfOrigin>,
    pub(crate) fails_on_status: bool,
    #[cfg(feature = "cookies")]
    cookies: Option<Cookies>,
}

impl Defaults {
    /// The URL that a reference leads to, where it is one to something at the base URL.
    pub(crate) fn resolve<'r>(&self, reference: &'r str) -> Cow<'r, str> {
        match &self.base_url {
            Some(base) => base_url::join(base, reference),
            None => reference.into(),
        }
    }

    /// Says who the request comes from, where it does not say so itself.
    pub(crate) fn authorize(&self, request: &mut Request) {
        if let Some(auth) = &self.auth
            && auth.is_for(request.url())
            && !request.headers().contains_key(AUTHORIZATION)
        {
            let headers = request.headers_mut();
            headers.insert(AUTHORIZATION, auth.header.clone());
        }
    }

    /// Whether there is a jar.
    #[cfg_attr(
        not(feature = "cookies"),
        allow(clippy::unused_self, reason = "the same call with and without cookies")
    )]
    pub(crate) fn keeps_cookies(&self) -> bool {
        #[cfg(feature = "cookies")]
        return self.cookies.is_some();
        #[cfg(not(feature = "cookies"))]
        false
    }

    /// Adds the cookies that are kept for where a request goes, unless it has its own.
    #[cfg_attr(
        not(feature = "cookies"),
        allow(clippy::unused_self, reason = "the same call with and without cookies")
    )]
    pub(crate) fn add_cookies(&self, request: &mut Request) {
        #[cfg(feature = "cookies")]
        if let Some(cookies) = &self.cookies {
            cookies.add(request);
        }
        #[cfg(not(feature = "cookies"))]
        let _ = request;
    }

    /// Keeps the cookies that come with a head.
    #[cfg_attr(
        not(feature = "cookies"),
        allow(clippy::unused_self, reason = "the same call with and without cookies")
    )]
    pub(crate) fn keep_cookies(&self, headers: &HeaderMap, url: &Url) {
        #[cfg(feature = "cookies")]
        if let Some(cookies) = &self.cookies {
            cookies.keep(headers, url);
        }
        #[cfg(not(feature = "cookies"))]
        let _ = (headers, url);
    }

    /// What adds and keeps cookies, for a client that does so itself.
    #[cfg(feature = "cookies")]
    pub(crate) fn cookie_provider(&self) -> Option<Cookies> {
        self.cookies.clone()
    }

    /// The jar, where it can be read.
    #[cfg(feature = "cookies")]
    pub(crate) fn jar(&self) -> Option<&Arc<CookieJar>> {
        self.cookies.as_ref()?.jar()
    }
}

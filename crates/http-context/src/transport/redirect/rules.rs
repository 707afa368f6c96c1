//! What is sent to where a redirect leads, by the rules of the fetch standard.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue, header};
use reqwest::{Method, Response, StatusCode, Url};

use super::policy::{RedirectAttempt, RedirectPolicy};
use crate::error::RedirectError;
use crate::identity::is_same_origin;
use crate::transport::configured::Configured;

/// Headers that say who the caller is.
const CREDENTIALS: [HeaderName; 5] = [
    header::AUTHORIZATION,
    header::COOKIE,
    header::PROXY_AUTHORIZATION,
    header::WWW_AUTHENTICATE,
    HeaderName::from_static("cookie2"),
];

/// Headers that mean nothing without a body.
const ABOUT_THE_BODY: [HeaderName; 7] = [
    header::CONTENT_ENCODING,
    header::CONTENT_LANGUAGE,
    header::CONTENT_LOCATION,
    header::CONTENT_TYPE,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::EXPECT,
];

/// The rules of one session.
#[derive(Clone, Debug)]
pub(in crate::transport) struct Rules {
    policy: RedirectPolicy,
    configured: Configured,
}

/// A redirect to follow.
#[derive(Debug)]
pub(in crate::transport) struct Redirected {
    pub(in crate::transport) status: StatusCode,
    pub(in crate::transport) url: Url,
    /// Whether method and body change as for a form that was sent: to a `GET` without a body.
    pub(in crate::transport) becomes_get: bool,
    /// Whether it leads to another origin.
    is_foreign: bool,
    referer: Option<HeaderValue>,
}

impl Rules {
    pub(in crate::transport) fn new(policy: &RedirectPolicy, configured: Configured) -> Self {
        let mut policy = policy.clone();
        policy.sends_referer &= configured.sends_referer;
        Self { policy, configured }
    }

    /// Whether no redirect is followed, wherever it leads.
    pub(in crate::transport) fn follow_none(&self) -> bool {
        self.policy.is_none()
    }

    /// Where a response redirects to, if it does and that is to be followed. `fragment` is that of
    /// the URL that was requested, which the one of the response lacks. `previous` has the URLs that
    /// were requested before; this one is added.
    pub(in crate::transport) fn follow(
        &self,
        response: &Response,
        method: &Method,
        fragment: Option<&str>,
        previous: &mut Vec<Url>,
    ) -> Result<Option<Redirected>, RedirectError> {
        let status = response.status();
        if !is_redirect(status) {
            return Ok(None);
        }
        let mut from = response.url().clone();
        if fragment.is_some() {
            from.set_fragment(fragment);
        }
        let Some(url) = location(response, &from)? else {
            return Ok(None);
        };
        let is_foreign = !is_same_origin(&from, &url);
        let referer = self.policy.sends_referer.then(|| referer(&from, &url));
        previous.push(from);
        let attempt = RedirectAttempt {
            status,
            url: &url,
            previous,
        };
        if !self.policy.follows(&attempt)? {
            return Ok(None);
        }
        if !matches!(url.scheme(), "http" | "https") {
            let scheme = url.scheme().to_owned();
            return Err(RedirectError::Scheme { scheme });
        }
        if self.configured.https_only && url.scheme() != "https" {
            return Err(RedirectError::NotHttps);
        }
        if is_foreign && self.configured.has_credentials {
            return Err(RedirectError::DefaultCredentials);
        }
        Ok(Some(Redirected {
            status,
            becomes_get: becomes_get(status, method),
            is_foreign,
            referer: referer.flatten(),
            url,
        }))
    }

    /// Changes the headers of the request before into those of the next one.
    pub(in crate::transport) fn change_headers(
        &self,
        redirected: &Redirected,
        headers: &mut HeaderMap,
    ) {
        if redirected.becomes_get {
            for name in &ABOUT_THE_BODY {
                headers.remove(name);
            }
        }
        if redirected.is_foreign {
            for name in CREDENTIALS.iter().chain(&*self.policy.credential_headers) {
                headers.remove(name);
            }
            headers.remove(header::HOST);
            remove_sensitive(headers);
        }
        headers.remove(header::REFERER);
        if let Some(referer) = &redirected.referer {
            headers.insert(header::REFERER, referer.clone());
        }
    }
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

fn becomes_get(status: StatusCode, method: &Method) -> bool {
    match status {
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => *method == Method::POST,
        StatusCode::SEE_OTHER => *method != Method::GET && *method != Method::HEAD,
        _ => false,
    }
}

/// Where a response leads, when it says so.
fn location(response: &Response, from: &Url) -> Result<Option<Url>, RedirectError> {
    let mut values = response.headers().get_all(header::LOCATION).iter();
    let Some(location) = values.next() else {
        return Ok(None);
    };
    // Of two that differ one was put there by somebody else.
    if values.any(|other| other != location) {
        return Err(RedirectError::InvalidLocation);
    }
    let location = match std::str::from_utf8(location.as_bytes()) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => location
            .as_bytes()
            .iter()
            .copied()
            .map(char::from)
            .collect(),
    };
    let mut url = from
        .join(&location)
        .map_err(|_| RedirectError::InvalidLocation)?;
    // Both fail where a URL cannot have user info.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    if url.fragment().is_none() {
        url.set_fragment(from.fragment());
    }
    Ok(Some(url))
}

/// By the policy `strict-origin-when-cross-origin`.
fn referer(from: &Url, to: &Url) -> Option<HeaderValue> {
    if from.scheme() == "https" && to.scheme() == "http" {
        return None;
    }
    let mut referer = from.clone();
    let _ = referer.set_username("");
    let _ = referer.set_password(None);
    referer.set_fragment(None);
    if !is_same_origin(from, to) {
        referer.set_path("/");
        referer.set_query(None);
    }
    HeaderValue::try_from(String::from(referer)).ok()
}

fn remove_sensitive(headers: &mut HeaderMap) {
    let sensitive = headers.iter().filter(|(_, value)| value.is_sensitive());
    let names: Vec<_> = sensitive.map(|(name, _)| name.clone()).collect();
    for name in names {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests;

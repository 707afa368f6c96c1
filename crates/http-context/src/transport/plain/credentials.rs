//! Which credentials a request of a plain client was sent with.
//!
//! `reqwest` shows a redirect policy no request. It shows the one that was answered to whoever classifies
//! the answer, right before, in the same poll; and of that one's headers no more than its `Debug` text.
//! What is read from that text stands here and nowhere else, and a text that is not as expected counts as
//! the worst answer.

use std::cell::RefCell;
use std::fmt;

use http::{HeaderName, StatusCode, Uri, header};
use reqwest::Url;

use crate::transport::redirect::RedirectPolicy;

/// What a request has of credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Credentials {
    None,
    /// Those alone that `reqwest` removes on the way to another origin.
    Removed,
    /// Others, or nobody knows.
    Kept,
}

/// Headers that `reqwest` removes on the way to another origin.
const REMOVED: [HeaderName; 5] = [
    header::AUTHORIZATION,
    header::COOKIE,
    HeaderName::from_static("cookie2"),
    header::PROXY_AUTHORIZATION,
    header::WWW_AUTHENTICATE,
];

/// The request that a redirect has answered, from when it is classified until its redirect is judged:
/// the next thing that this thread does for it.
struct Redirected {
    /// Whose request it is.
    client: usize,
    uri: Uri,
    status: StatusCode,
    credentials: Credentials,
}

thread_local! {
    static REDIRECTED: RefCell<Option<Redirected>> = const { RefCell::new(None) };
}

/// Those of the requests of one client.
pub(super) struct SentCredentials {
    /// As they stand in a `Debug` text, those that `reqwest` does not remove.
    kept: Vec<String>,
}

impl SentCredentials {
    pub(super) fn new(policy: &RedirectPolicy) -> Self {
        let named = policy.credential_headers.iter();
        let kept = named.filter(|name| !REMOVED.contains(name));
        // A host of the caller's own is none of the next origin.
        let kept = kept.chain([&header::HOST]).map(in_text).collect();
        Self { kept }
    }

    /// Notes what a request was sent with that was answered by a redirect.
    pub(super) fn note(&self, uri: &Uri, status: StatusCode, request: &impl fmt::Debug) {
        let redirected = Redirected {
            client: self.key(),
            uri: uri.clone(),
            status,
            credentials: self.read(&format!("{request:?}")),
        };
        REDIRECTED.set(Some(redirected));
    }

    /// Those of the request to this URL that was just answered with this status.
    pub(super) fn take(&self, url: &Url, status: StatusCode) -> Credentials {
        match REDIRECTED.take() {
            Some(redirected)
                if redirected.client == self.key()
                    && redirected.status == status
                    && is_same(&redirected.uri, url) =>
            {
                redirected.credentials
            }
            _ => Credentials::Kept,
        }
    }

    fn key(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    fn read(&self, text: &str) -> Credentials {
        if !text.contains("headers: {") || self.kept.iter().any(|name| text.contains(name)) {
            return Credentials::Kept;
        }
        let removed = REMOVED.map(|name| in_text(&name));
        let (mut any, mut sensitive) = (false, 0);
        for name in removed {
            any |= text.contains(&name);
            sensitive += text.matches(&format!("{name}Sensitive")).count();
        }
        if text.matches("Sensitive").count() > sensitive {
            Credentials::Kept
        } else if any {
            Credentials::Removed
        } else {
            Credentials::None
        }
    }
}

/// How a header begins in the `Debug` text of those that it is among.
fn in_text(name: &HeaderName) -> String {
    format!("\"{name}\": ")
}

/// A policy is given the URL that was made of the URI.
fn is_same(uri: &Uri, url: &Url) -> bool {
    Url::parse(&uri.to_string()).is_ok_and(|parsed| parsed == *url)
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, Request};

    use super::*;

    fn of(headers: &[(&'static str, &'static str, bool)]) -> Credentials {
        let named = HeaderName::from_static("x-key");
        let policy = RedirectPolicy::default().credential_headers([named]);
        let mut map = HeaderMap::new();
        for (name, value, is_sensitive) in headers {
            let mut value = HeaderValue::from_static(value);
            value.set_sensitive(*is_sensitive);
            map.append(*name, value);
        }
        let mut request = Request::get("http://h/").body(()).unwrap();
        *request.headers_mut() = map;
        SentCredentials::new(&policy).read(&format!("ReqRep({request:?}, Ok(302))"))
    }

    #[test]
    fn they_are_told_by_their_names_and_marks() {
        use Credentials::{Kept, None, Removed};
        for (headers, credentials) in [
            (vec![], None),
            (
                vec![("accept", "*/*", false), ("x", "authorization", false)],
                None,
            ),
            (vec![("authorization", "Bearer x", false)], Removed),
            (vec![("authorization", "Bearer x", true)], Removed),
            (
                vec![("cookie", "a=b", false), ("cookie", "c=d", true)],
                Removed,
            ),
            (vec![("x-other", "secret", true)], Kept),
            (
                vec![("authorization", "x", true), ("x-other", "secret", true)],
                Kept,
            ),
            (vec![("x-key", "secret", false)], Kept),
            (vec![("host", "example.com", false)], Kept),
            // A value that looks like the end of all headers, or like a mark.
            (vec![("x", "}", false), ("x-key", "secret", false)], Kept),
            (vec![("x", "Sensitive", false)], Kept),
        ] {
            assert_eq!(of(&headers), credentials, "{headers:?}");
        }
    }

    #[test]
    fn a_text_that_is_another_one_says_the_worst() {
        let sent = SentCredentials::new(&RedirectPolicy::default());
        assert_eq!(sent.read("Request { method: GET }"), Credentials::Kept);
    }

    #[test]
    fn they_are_those_of_one_request_and_are_taken_once() {
        let sent = SentCredentials::new(&RedirectPolicy::default());
        let other = SentCredentials::new(&RedirectPolicy::default());
        let uri = Uri::from_static("http://h/a?b");
        let url = Url::parse("http://h/a?b").unwrap();
        let (found, request) = (StatusCode::FOUND, Request::new(()));
        let note = || sent.note(&uri, found, &request);
        note();
        assert_eq!(sent.take(&url, found), Credentials::None);
        assert_eq!(sent.take(&url, found), Credentials::Kept, "it was taken");
        note();
        assert_eq!(other.take(&url, found), Credentials::Kept);
        note();
        let moved = StatusCode::MOVED_PERMANENTLY;
        assert_eq!(sent.take(&url, moved), Credentials::Kept);
        note();
        let elsewhere = Url::parse("http://h/c").unwrap();
        assert_eq!(sent.take(&elsewhere, found), Credentials::Kept);
    }
}

//! What `configure` has done to a client that concerns redirects.
//!
//! A client of `reqwest` says little of how it is configured. What is read from its `Debug` text
//! stands here and nowhere else; a text that is not as expected counts as the worse answer.

use std::future::Future as _;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use http::header;
use reqwest::{Client, Method, Request, Url};

use crate::error::BuildError;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Configured {
    /// Whether it may send to `https` only.
    pub(super) https_only: bool,
    /// Whether it may send credentials of its own with each request.
    pub(super) has_credentials: bool,
    /// Whether it was told to send no `Referer`.
    pub(super) sends_referer: bool,
}

impl Default for Configured {
    /// Nothing.
    fn default() -> Self {
        Self {
            https_only: false,
            has_credentials: false,
            sends_referer: true,
        }
    }
}

impl Configured {
    /// # Errors
    ///
    /// When the client may follow redirects.
    pub(super) fn of(client: &Client) -> Result<Self, BuildError> {
        let text = format!("{client:?}");
        if !text.contains(r#", redirect_policy: "Policy(None)", "#) {
            return Err(BuildError::ConfiguredRedirects);
        }
        Ok(Self {
            https_only: is_https_only(client),
            has_credentials: has_credentials(&text),
            sends_referer: text.contains(", referer: true, "),
        })
    }
}

fn has_credentials(text: &str) -> bool {
    let headers = text
        .split_once("default_headers: {")
        .and_then(|(_, rest)| rest.split_once('}'));
    let Some((headers, _)) = headers else {
        return true;
    };
    let credentials = [
        header::AUTHORIZATION,
        header::COOKIE,
        header::PROXY_AUTHORIZATION,
        header::WWW_AUTHENTICATE,
    ];
    let names = |name: &header::HeaderName| headers.contains(&format!("\"{name}\""));
    headers.contains("Sensitive") || credentials.iter().any(names)
}

/// Whether it refuses an `http` URL as it refuses another scheme. The URL gets no further than that:
/// its host is none.
fn is_https_only(client: &Client) -> bool {
    let refusal = |url: &str| {
        let request = Request::new(Method::GET, Url::parse(url).ok()?);
        let sending = pin!(client.execute(request));
        match sending.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Err(error)) => std::error::Error::source(&error).map(ToString::to_string),
            _ => None,
        }
    };
    match (refusal("ftp://host/"), refusal("http://{host}/")) {
        (Some(scheme), Some(http)) => scheme == http,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};
    use reqwest::redirect;

    use super::*;

    fn configured(
        configure: impl FnOnce(reqwest::ClientBuilder) -> reqwest::ClientBuilder,
    ) -> Configured {
        let builder = Client::builder().redirect(redirect::Policy::none());
        Configured::of(&configure(builder).build().unwrap()).unwrap()
    }

    fn header(name: header::HeaderName, value: HeaderValue) -> HeaderMap {
        HeaderMap::from_iter([(name, value)])
    }

    #[test]
    fn a_client_says_whether_it_sends_over_https_only() {
        assert!(configured(|c| c.https_only(true)).https_only);
        assert!(!configured(|c| c).https_only);
    }

    #[test]
    fn a_client_says_whether_it_sends_credentials() {
        let value = HeaderValue::from_static("x");
        let mut sensitive = value.clone();
        sensitive.set_sensitive(true);
        for (headers, has) in [
            (HeaderMap::new(), false),
            (header(header::ACCEPT_LANGUAGE, value.clone()), false),
            (header(header::AUTHORIZATION, value.clone()), true),
            (header(header::COOKIE, value), true),
            (
                header(header::HeaderName::from_static("x-key"), sensitive),
                true,
            ),
        ] {
            let shown = format!("{headers:?}");
            assert_eq!(
                configured(|c| c.default_headers(headers)).has_credentials,
                has,
                "{shown}"
            );
        }
        assert!(has_credentials("another text"));
    }

    #[test]
    fn a_client_says_whether_it_sends_a_referer() {
        assert!(configured(|c| c).sends_referer);
        assert!(!configured(|c| c.referer(false)).sends_referer);
    }

    #[test]
    fn a_client_that_may_follow_redirects_is_refused() {
        for policy in [redirect::Policy::default(), redirect::Policy::limited(1)] {
            let client = Client::builder().redirect(policy).build().unwrap();
            let refused = Configured::of(&client);
            assert!(
                matches!(refused, Err(BuildError::ConfiguredRedirects)),
                "{refused:?}"
            );
        }
    }
}

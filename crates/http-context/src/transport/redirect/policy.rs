//! Which redirects are followed.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use http::HeaderName;
use reqwest::{StatusCode, Url};

use crate::error::RedirectError;

type BoxError = Box<dyn StdError + Send + Sync>;

/// Which redirects a session follows: at most 10 in a row unless told otherwise.
///
/// A session follows the statuses 301, 302, 303, 307 and 308 that have a `Location`, by the rules of
/// the [fetch standard](https://fetch.spec.whatwg.org/#http-redirect-fetch):
///
/// - 303 makes any method but `HEAD` a `GET`, and 301 and 302 make a `POST` one. The body and the
///   headers about it are then gone.
/// - 307 and 308 send method and body again. A body that is a stream cannot be sent again, which is
///   [`RedirectError::StreamedBody`].
/// - A `Location` without a fragment inherits the one of the URL before.
/// - To another origin (scheme, host or port) go no `Authorization`, `Cookie`,
///   `Proxy-Authorization` or `WWW-Authenticate`, no header whose value is marked as
///   [sensitive](reqwest::header::HeaderValue::set_sensitive), no `Host` of the caller, and none that was named
///   by [`credential_headers`](Self::credential_headers). What was removed once stays removed, also
///   on the way back. The user info of a URL goes nowhere. Cookies of a jar go by their own rules.
/// - `Referer` is the URL before within an origin, its origin alone towards another one, and nothing
///   from https to http (the policy `strict-origin-when-cross-origin`).
///
/// Each hop is a request on the same road as any other: it takes a slot of the host that it leads
/// to (and gives back the one it had), carries the trace context that this host may have, and is
/// seen on its connection. To middleware of the session all hops are one request. A time limit of
/// the request holds for all hops together.
///
/// ```
/// use http_context::{RedirectAction, RedirectPolicy};
///
/// let within_the_host = RedirectPolicy::custom(|attempt| {
///     let from = attempt.previous().last().and_then(|url| url.host_str());
///     if attempt.url().host_str() == from && attempt.previous().len() <= 5 {
///         RedirectAction::Follow
///     } else {
///         RedirectAction::Stop
///     }
/// });
/// let jobs = http_context::builder().redirect(within_the_host);
/// ```
#[derive(Clone)]
pub struct RedirectPolicy {
    kind: Kind,
    pub(in crate::transport) sends_referer: bool,
    pub(in crate::transport) credential_headers: Arc<[HeaderName]>,
}

#[derive(Clone)]
enum Kind {
    None,
    Limited(usize),
    Custom(Arc<dyn Fn(&RedirectAttempt<'_>) -> RedirectAction + Send + Sync>),
}

impl RedirectPolicy {
    /// Follows at most this many redirects in a row; one more is [`RedirectError::TooMany`].
    #[must_use]
    pub fn limited(limit: usize) -> Self {
        Self::of(Kind::Limited(limit))
    }

    /// Follows none: the response that redirects is the response.
    #[must_use]
    pub fn none() -> Self {
        Self::of(Kind::None)
    }

    /// Follows what a function says. It has to put an end to loops itself; nothing else limits them.
    #[must_use]
    pub fn custom(
        policy: impl Fn(&RedirectAttempt<'_>) -> RedirectAction + Send + Sync + 'static,
    ) -> Self {
        Self::of(Kind::Custom(Arc::new(policy)))
    }

    /// Sends no `Referer` to where a redirect leads.
    #[must_use]
    pub fn without_referer(mut self) -> Self {
        self.sends_referer = false;
        self
    }

    /// Treats these headers as credentials too: they are not sent to another origin.
    #[must_use]
    pub fn credential_headers(mut self, names: impl IntoIterator<Item = HeaderName>) -> Self {
        let known = self.credential_headers.iter().cloned();
        self.credential_headers = known.chain(names).collect();
        self
    }

    fn of(kind: Kind) -> Self {
        Self {
            kind,
            sends_referer: true,
            credential_headers: Arc::default(),
        }
    }

    /// Whether it follows none, whatever they are.
    pub(in crate::transport) fn is_none(&self) -> bool {
        matches!(self.kind, Kind::None)
    }

    /// Whether to follow, or to hand the response to the caller.
    pub(in crate::transport) fn follows(
        &self,
        attempt: &RedirectAttempt<'_>,
    ) -> Result<bool, RedirectError> {
        match &self.kind {
            Kind::None => Ok(false),
            Kind::Limited(limit) if attempt.previous.len() > *limit => {
                Err(RedirectError::TooMany { limit: *limit })
            }
            Kind::Limited(_) => Ok(true),
            Kind::Custom(policy) => match policy(attempt) {
                RedirectAction::Follow => Ok(true),
                RedirectAction::Stop => Ok(false),
                RedirectAction::Refuse(error) => Err(RedirectError::Refused(error)),
            },
        }
    }
}

impl Default for RedirectPolicy {
    fn default() -> Self {
        Self::limited(10)
    }
}

impl fmt::Debug for RedirectPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("RedirectPolicy");
        match &self.kind {
            Kind::None => shown.field("limit", &0),
            Kind::Limited(limit) => shown.field("limit", limit),
            Kind::Custom(_) => shown.field("custom", &true),
        };
        shown
            .field("sends_referer", &self.sends_referer)
            .field("credential_headers", &self.credential_headers)
            .finish()
    }
}

/// A redirect that a policy decides on. Its URLs may contain secrets, and its `Debug` shows none.
pub struct RedirectAttempt<'a> {
    pub(in crate::transport) status: StatusCode,
    pub(in crate::transport) url: &'a Url,
    pub(in crate::transport) previous: &'a [Url],
}

impl RedirectAttempt<'_> {
    /// The status of the response that redirects.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Where it leads, without user info. One of another scheme than http or https fails the request
    /// when it is to be followed.
    pub fn url(&self) -> &Url {
        self.url
    }

    /// The URLs that were requested so far, the first of them first. There is at least one, and the
    /// last one is that of the response.
    pub fn previous(&self) -> &[Url] {
        self.previous
    }
}

impl fmt::Debug for RedirectAttempt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedirectAttempt")
            .field("status", &self.status)
            .field("host", &self.url.host_str())
            .field("previous", &self.previous.len())
            .finish_non_exhaustive()
    }
}

/// What becomes of a redirect.
#[derive(Debug)]
#[non_exhaustive]
pub enum RedirectAction {
    /// It is followed.
    Follow,
    /// It is not followed: the response that redirects reaches the caller.
    Stop,
    /// The request fails with [`RedirectError::Refused`], and this as its source.
    Refuse(BoxError),
}

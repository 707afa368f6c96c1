//! A request being built on a session.

use std::fmt;
use std::time::Duration;

use http::Extensions;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Body, IntoUrl, Method, Request, Response, Url, Version};

use super::client::building_client;
use super::draft::Draft;
use super::execute::Execute;
use super::hold::SessionHold;
use super::upgrade::{self, Upgraded};
#[cfg(feature = "websocket")]
use crate::error::Redaction;
use crate::error::{RequestError, UpgradeError};

/// A request being built, with the methods of [`reqwest::RequestBuilder`].
///
/// What cannot be built (an invalid URL, a header) is reported by [`send`](Self::send).
///
/// ```
/// # async fn job() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
///
/// let request = http_context::http_session()?
///     .get("http://example.com/items")
///     .header("accept", "application/json")
///     .timeout(Duration::from_secs(5))
///     .error_for_status(true);
/// let items = request.send().await?.text().await?;
/// # drop(items); Ok(())
/// # }
/// ```
#[must_use = "a request does nothing until `send` is awaited"]
pub struct RequestBuilder {
    hold: SessionHold,
    pub(super) draft: Box<Draft>,
}

impl RequestBuilder {
    #[inline]
    pub(super) fn new(hold: SessionHold, method: Method, url: impl IntoUrl) -> Self {
        let defaults = hold.session.sessions.scope().defaults.as_ref();
        // `as_str` is of the sealed trait below `IntoUrl`: without it this does not compile.
        let draft = if let Some(defaults) = defaults {
            Draft::to(method, &defaults.resolve(url.as_str()))
        } else if is_parsed(&url) {
            Draft::by_reqwest(method.clone(), building_client().request(method, url))
        } else {
            Draft::to(method, url.as_str())
        };
        Self { hold, draft }
    }

    pub(super) fn of(hold: SessionHold, request: Request) -> Self {
        let draft = Draft::of(request);
        Self { hold, draft }
    }

    /// Adds a header.
    pub fn header<K, V>(self, name: K, value: V) -> Self
    where
        HeaderName: TryFrom<K>,
        <HeaderName as TryFrom<K>>::Error: Into<http::Error>,
        HeaderValue: TryFrom<V>,
        <HeaderValue as TryFrom<V>>::Error: Into<http::Error>,
    {
        self.map(|inner| inner.header(name, value))
    }

    /// Adds headers; those of the same name are replaced.
    pub fn headers(self, headers: HeaderMap) -> Self {
        self.map(|inner| inner.headers(headers))
    }

    /// Sets the HTTP version of the request.
    ///
    /// Over TLS both sides agree on a version, and a request that asks for another one fails. In clear
    /// nothing is agreed upon: a request of `HTTP_2` goes by prior knowledge, as that of gRPC does,
    /// over a connection beside those of HTTP/1.1, which all others go over. Where all requests are
    /// to, there is [`http_versions`](crate::SessionOptions::http_versions).
    pub fn version(self, version: Version) -> Self {
        self.map(|inner| inner.version(version))
    }

    /// Adds an `Authorization` header for basic authentication.
    pub fn basic_auth<U, P>(self, username: U, password: Option<P>) -> Self
    where
        U: fmt::Display,
        P: fmt::Display,
    {
        self.map(|inner| inner.basic_auth(username, password))
    }

    /// Adds an `Authorization` header with a bearer token.
    pub fn bearer_auth(self, token: impl fmt::Display) -> Self {
        self.map(|inner| inner.bearer_auth(token))
    }

    /// Sets the body.
    pub fn body(self, body: impl Into<Body>) -> Self {
        self.map(|inner| inner.body(body))
    }

    /// Limits the time from the end of the queue to the end of the body, with the redirects that it
    /// follows.
    pub fn timeout(self, timeout: Duration) -> Self {
        self.map(|inner| inner.timeout(timeout))
    }

    /// Hands a value to the middleware of the session.
    ///
    /// To have what the middleware hands back, send what
    /// [`build_with_extensions`](Self::build_with_extensions) gives by
    /// [`HttpSession::execute_with_extensions`](crate::HttpSession::execute_with_extensions).
    pub fn with_extension<T: Clone + Send + Sync + 'static>(mut self, extension: T) -> Self {
        self.draft.extensions.insert(extension);
        self
    }

    /// What is handed to the middleware of the session.
    pub fn extensions(&mut self) -> &mut Extensions {
        &mut self.draft.extensions
    }

    /// A copy, unless the body is a stream.
    pub fn try_clone(&self) -> Option<Self> {
        let draft = self.draft.try_clone()?;
        let hold = self.hold.clone();
        Some(Self { hold, draft })
    }

    /// The request, to look at or to hand to
    /// [`HttpSession::execute`](crate::HttpSession::execute).
    ///
    /// A request of `reqwest` has room for its [`timeout`](Self::timeout), and for nothing else that
    /// is not sent: what it is to carry for the middleware comes out of
    /// [`build_with_extensions`](Self::build_with_extensions), and all else
    /// that a method of this sets for one request is then that of the session.
    ///
    /// # Errors
    ///
    /// When the URL, a header or the body could not be built.
    pub fn build(mut self) -> Result<Request, RequestError> {
        self.draft.request(&self.hold.session)
    }

    /// As [`build`](Self::build), and what it carries for the middleware of the session: both for
    /// [`HttpSession::execute_with_extensions`](crate::HttpSession::execute_with_extensions).
    ///
    /// ```
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// #[derive(Clone)]
    /// struct Tenant(u32);
    ///
    /// let session = http_context::http_session()?;
    /// let request = session.get("https://example.com/").with_extension(Tenant(7));
    /// let (request, mut extensions) = request.build_with_extensions()?;
    /// assert_eq!(extensions.get::<Tenant>().map(|tenant| tenant.0), Some(7));
    /// let response = session.execute_with_extensions(request, &mut extensions).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`build`](Self::build).
    pub fn build_with_extensions(mut self) -> Result<(Request, Extensions), RequestError> {
        let request = self.draft.request(&self.hold.session)?;
        Ok((request, std::mem::take(&mut self.draft.extensions)))
    }

    pub(super) fn hold(&self) -> &SessionHold {
        &self.hold
    }

    /// Sends the request.
    ///
    /// # Errors
    ///
    /// See [`RequestError`], with a table of what it says. A response with an error status is a
    /// response, unless [`error_for_status`](Self::error_for_status) was asked for.
    ///
    /// # Secrets in the URL
    ///
    /// Where the URL of the response has secrets (see [`Redaction`](crate::Redaction)), its
    /// [`url`](Response::url) shows them redacted, and so do the errors of what is done with the
    /// response: [`error_for_status`](Response::error_for_status), `json`, `text`, `bytes`, `chunk`.
    /// [`FinalUrl::of`](crate::FinalUrl::of) gives the whole URL.
    ///
    /// # Cancel safety
    ///
    /// As for [`HttpSession::execute`](crate::HttpSession::execute).
    pub fn send(self) -> impl Future<Output = Result<Response, RequestError>> + Send + use<> {
        let fails_on_status = self.draft.own.fails_on_status.unwrap_or_else(|| {
            let defaults = self.hold.session.sessions.scope().defaults.as_ref();
            defaults.is_some_and(|defaults| defaults.fails_on_status)
        });
        Execute::new(self.hold, self.draft).failing_on_status(fails_on_status)
    }

    /// Sends the request, which asks for an upgrade, and gives the connection that it becomes: as
    /// [`HttpSession::upgrade`](crate::HttpSession::upgrade).
    ///
    /// # Errors
    ///
    /// See [`UpgradeError`].
    ///
    /// # Cancel safety
    ///
    /// As for [`HttpSession::execute`](crate::HttpSession::execute).
    pub async fn upgrade(mut self) -> Result<Upgraded, UpgradeError> {
        self.draft.check(&self.hold.session)?;
        upgrade::upgrade(self.hold, self.draft).await
    }

    /// As [`upgrade`](Self::upgrade), with what `prepare` makes of the request.
    #[cfg(feature = "websocket")]
    pub(crate) async fn upgrade_prepared(
        mut self,
        prepare: impl FnOnce(&mut Request),
    ) -> Result<Upgraded, UpgradeError> {
        self.draft.check(&self.hold.session)?;
        prepare(&mut self.draft.request);
        upgrade::upgrade(self.hold, self.draft).await
    }

    /// How its context redacts.
    #[cfg(feature = "websocket")]
    pub(crate) fn redaction(&self) -> Redaction {
        let info = &self.hold.session.sessions.scope().info;
        info.redaction.clone()
    }

    pub(super) fn map(
        mut self,
        f: impl FnOnce(reqwest::RequestBuilder) -> reqwest::RequestBuilder,
    ) -> Self {
        self.draft.map(f);
        self
    }
}

/// Whether it is a [`Url`]. All else that can be one is text: nobody else has a type that is, and no
/// type of a text is as large. Of what is taken for text, the text is parsed.
fn is_parsed<U: IntoUrl>(_: &U) -> bool {
    size_of::<U>() >= size_of::<Url>()
}

impl fmt::Debug for RequestBuilder {
    /// Without the request: its URL and headers may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestBuilder")
            .field("session", &self.hold.session.id)
            .field("call_site", &format_args!("{}", self.hold.call_site))
            .finish_non_exhaustive()
    }
}

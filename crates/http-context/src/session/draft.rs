//! A request as it stands until it is sent.

use std::time::Duration;

use http::Extensions;
use reqwest::{Method, Request};

use super::client::building_client;
use super::hold::SessionRef;
use super::url_memo;
use crate::error::{FailedRequest, RequestError, RequestFailure};
use crate::transport::{LentExtensions, Unsent};

/// A request that is yet to be admitted, and what goes with it.
///
/// It stands in a box, from which it is sent: it is large, and both who builds it and who sends it
/// hand it on by value.
pub(super) struct Draft {
    /// Gone where it could not be built.
    pub(super) request: Unsent,
    /// Why it could not be built, with its method.
    failed: Option<Box<(Method, reqwest::Error)>>,
    pub(super) extensions: LentExtensions,
    pub(super) own: OwnOptions,
}

/// What a request has in place of what its session has.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct OwnOptions {
    pub(super) read_timeout: Option<Duration>,
    pub(super) connect_timeout: Option<Duration>,
    pub(super) ignores_redirects: bool,
    /// Whether a response whose status is an error is one, for `send`.
    pub(super) fails_on_status: Option<bool>,
}

impl Draft {
    /// A request of a URL that is given as text.
    #[inline]
    pub(super) fn to(method: Method, url: &str) -> Box<Self> {
        match url_memo::parse(url) {
            // Of those with user information `reqwest` makes a header.
            Some(url)
                if url.has_host() && url.username().is_empty() && url.password().is_none() =>
            {
                Self::of(Request::new(method, url))
            }
            // Again, where it is none, for the error that `send` gives.
            _ => Self::by_reqwest(method.clone(), building_client().request(method, url)),
        }
    }

    /// A request that `reqwest` has built, or could not.
    pub(super) fn by_reqwest(method: Method, built: reqwest::RequestBuilder) -> Box<Self> {
        let mut draft = Box::new(Self::empty());
        draft.set(built, method);
        draft
    }

    #[inline]
    pub(super) fn of(request: Request) -> Box<Self> {
        Box::new(Self {
            request: request.into(),
            ..Self::empty()
        })
    }

    fn empty() -> Self {
        Self {
            request: Unsent::default(),
            failed: None,
            extensions: LentExtensions::default(),
            own: OwnOptions::default(),
        }
    }

    fn set(&mut self, built: reqwest::RequestBuilder, method: Method) {
        match built.build() {
            Ok(request) => self.request = request.into(),
            Err(error) => self.failed = Some(Box::new((method, error))),
        }
    }

    /// Goes on with it by a builder of `reqwest`, unless it could not be built before.
    pub(super) fn map(
        &mut self,
        f: impl FnOnce(reqwest::RequestBuilder) -> reqwest::RequestBuilder,
    ) {
        if self.failed.is_none() {
            let request = self.request.take();
            let method = request.method().clone();
            let client = building_client().clone();
            self.set(
                f(reqwest::RequestBuilder::from_parts(client, request)),
                method,
            );
        }
    }

    /// A copy, unless it could not be built, or the body is a stream.
    pub(super) fn try_clone(&self) -> Option<Box<Self>> {
        if self.failed.is_some() {
            return None;
        }
        Some(Box::new(Self {
            request: self.request.try_clone()?.into(),
            extensions: Extensions::clone(&self.extensions).into(),
            own: self.own,
            ..Self::empty()
        }))
    }

    /// Fails where it could not be built.
    #[inline]
    pub(super) fn check(&mut self, session: &SessionRef) -> Result<(), RequestError> {
        match self.failed.take() {
            None => Ok(()),
            Some(failed) => Err(not_built(session, &failed.0, failed.1)),
        }
    }

    pub(super) fn request(&mut self, session: &SessionRef) -> Result<Request, RequestError> {
        self.check(session)?;
        Ok(self.request.take())
    }
}

/// The error of a request that could not be built.
pub(super) fn not_built(
    session: &SessionRef,
    method: &Method,
    error: reqwest::Error,
) -> RequestError {
    let failed = FailedRequest {
        redaction: &session.sessions.scope().info.redaction,
        method: Some(method),
        url: None,
        origin: None,
        credentials: &[],
    };
    RequestError::of(failed, RequestFailure::Request(error))
}

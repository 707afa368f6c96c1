//! A request got no response, or none that is a success.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use http::HeaderValue;
use reqwest::{Method, StatusCode, Url};

use super::chain::chain;
use super::classify::Findings;
use super::context::SessionClosed;
use super::failure::RequestFailure;
use super::kind::ErrorKind;
use super::redact::Redaction;
use super::redirect::RedirectError;
use super::secrets::Secrets;
use super::version_advice;
use crate::identity::Origin;

/// A request got no response, or one whose status is an error where that was asked for.
///
/// As text it says the method, the URL without its query, and what happened; its
/// [`source`](StdError::source) says why, and so on down to the first cause. What failed it is its
/// [`failure`](Self::failure), and what went wrong its [`kind`](Self::kind), which does not depend on
/// what is between a request and its connection.
///
/// # Secrets
///
/// No text of it holds a secret of a URL, nor does one of its sources, whoever made it: see
/// [`Redaction`]. An error of a middleware, or one inside that of `reqwest`, is handed out as it is
/// where none of its texts holds one, and can be downcast then. Else its chain is replaced by its
/// texts: [`WithheldError`](crate::WithheldError).
///
/// # What it says
///
///
/// ```
/// # async fn job() -> Result<(), Box<dyn std::error::Error>> {
/// use http_context::{ErrorKind, http_session};
///
/// match http_session()?.get("http://example.com/").send().await {
///     Ok(response) => println!("{}", response.status()),
///     Err(error) if error.is_timeout() => println!("later: {error}"),
///     Err(error) if error.kind() == ErrorKind::NameResolution => println!("no such host: {error}"),
///     Err(error) => return Err(error.into()),
/// }
/// # Ok(())
/// # }
/// ```
#[doc = include_str!("table.md")]
pub struct RequestError(Box<Inner>);

#[derive(Debug)]
struct Inner {
    failure: RequestFailure,
    findings: Findings,
    /// Said where the kind of failure is not known.
    otherwise: &'static str,
    /// What to do about it, where that can be said.
    advice: Option<&'static str>,
    /// That of the response, where it is the error.
    status: Option<StatusCode>,
    method: Option<Method>,
    /// Redacted.
    url: Option<Url>,
    /// Shown where the URL is not known any more.
    origin: Option<Arc<Origin>>,
}

/// What is known of a request that failed.
#[derive(Clone, Copy)]
pub(crate) struct FailedRequest<'r> {
    pub(crate) redaction: &'r Redaction,
    pub(crate) method: Option<&'r Method>,
    pub(crate) url: Option<&'r Url>,
    pub(crate) origin: Option<&'r Arc<Origin>>,
    pub(crate) credentials: &'r [HeaderValue],
}

impl RequestError {
    /// Makes the error of a request: nothing in it holds a secret that is known there.
    pub(crate) fn of(failed: FailedRequest<'_>, failure: RequestFailure) -> Self {
        let own = match &failure {
            RequestFailure::Request(error) => error.url(),
            _ => None,
        };
        // Of one without a host nobody knows what is a secret in it: its scheme may be a user name.
        let url = failed.url.or(own).filter(|url| url.has_host());
        let origin = failed.origin.filter(|origin| !origin.host().is_empty());
        let scheme = url
            .map(Url::scheme)
            .or(origin.map(|origin| origin.scheme()));
        let is_clear = scheme == Some("http");
        let url = url.map(|url| failed.redaction.redact(url).into_owned());
        let secrets = Secrets::new(failed.redaction);
        let secrets = failed.url.into_iter().fold(secrets, Secrets::of_url);
        let credentials = failed.credentials.iter();
        let secrets = credentials.fold(secrets, Secrets::of_credentials);
        let otherwise = failure.said();
        let status = chain(failure.error())
            .find_map(|error| error.downcast_ref().and_then(reqwest::Error::status));
        let failure = failure.without(secrets);
        Self(Box::new(Inner {
            findings: Findings::of(failure.error(), false),
            otherwise,
            advice: version_advice::advice(failure.error(), is_clear),
            status,
            failure,
            method: failed.method.cloned(),
            url,
            origin: origin.cloned(),
        }))
    }

    /// What stopped the request.
    pub fn failure(&self) -> &RequestFailure {
        &self.0.failure
    }

    /// What stopped the request, taken out of the error.
    pub fn into_failure(self) -> RequestFailure {
        self.0.failure
    }

    /// The method of the request, where that is known.
    pub fn method(&self) -> Option<&Method> {
        self.0.method.as_ref()
    }

    /// The URL of the request, redacted. It is known of a request that `reqwest` failed, of one that
    /// was refused, of one whose context has middleware, and of one whose URL has secrets.
    pub fn url(&self) -> Option<&Url> {
        self.0.url.as_ref()
    }

    /// The status of the response, where that is the error: see
    /// [`RequestBuilder::error_for_status`](crate::RequestBuilder::error_for_status).
    pub fn status(&self) -> Option<StatusCode> {
        self.0.status
    }

    /// What kind of failure it is. Of a status that is an error it is
    /// [`Other`](ErrorKind::Other), since there was a response.
    pub fn kind(&self) -> ErrorKind {
        self.0.findings.kind
    }

    /// Whether the session was closed.
    pub fn is_session_closed(&self) -> bool {
        self.kind() == ErrorKind::SessionClosed
    }

    /// Whether a time limit ended the request: that of `reqwest`, that of the queue, or one of a
    /// middleware.
    pub fn is_timeout(&self) -> bool {
        self.0.findings.is_timeout
    }

    /// Whether no connection could be made.
    pub fn is_connect(&self) -> bool {
        self.0.findings.is_connect
    }

    /// Why a redirect was not followed, when that is what failed it.
    pub fn as_redirect(&self) -> Option<&RedirectError> {
        chain(self).find_map(|error| error.downcast_ref())
    }

    /// The error of `reqwest`, when that is what stopped the request, and no text of its sources
    /// had to be withheld.
    pub fn as_reqwest(&self) -> Option<&reqwest::Error> {
        match self.failure() {
            RequestFailure::Request(error) => Some(error),
            _ => None,
        }
    }

    /// What happened, in a few words.
    fn what(&self) -> &'static str {
        let is_connect = self.is_connect();
        match self.kind() {
            ErrorKind::Timeout if is_connect => "timed out while connecting",
            ErrorKind::Timeout => "timed out before its response",
            ErrorKind::Connection if is_connect => "no connection could be made",
            ErrorKind::Connection => "the connection broke before the response",
            ErrorKind::NameResolution => "the name of the host could not be resolved",
            ErrorKind::SecureConnection => "no secure connection could be made",
            ErrorKind::Redirect => "a redirect was not followed",
            ErrorKind::InvalidResponse => "what came was no valid response",
            ErrorKind::ResponseEnded => "the connection ended before the response",
            ErrorKind::RequestBody => "the body of the request failed",
            ErrorKind::QueueTimeout => "timed out waiting for a slot at its host",
            ErrorKind::SessionClosed => "the session is closed",
            ErrorKind::Other => self.0.otherwise,
        }
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.method {
            Some(method) => write!(f, "{method}")?,
            None => f.write_str("HTTP request")?,
        }
        match (&self.0.url, &self.0.origin) {
            (Some(url), _) => {
                // What is not known as a secret may be one.
                let end = url.as_str().find(['?', '#']).unwrap_or(url.as_str().len());
                write!(f, " {}", &url.as_str()[..end])?;
            }
            (None, Some(origin)) => write!(f, " {}://{origin}", origin.scheme())?,
            (None, None) => {}
        }
        match self.0.status {
            Some(status) if self.kind() == ErrorKind::Other => {
                write!(f, ": the response has the status {status}")?;
            }
            _ => write!(f, ": {}", self.what())?,
        }
        match self.0.advice {
            Some(advice) => write!(f, "; {advice}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestError")
            .field("method", &self.0.method)
            .field("url", &self.0.url.as_ref().map(Url::as_str))
            .field("kind", &self.kind())
            .field("failure", &self.0.failure)
            .finish_non_exhaustive()
    }
}

impl StdError for RequestError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(self.0.failure.error())
    }
}

impl From<RequestFailure> for RequestError {
    /// Of a request of which nothing is known. The secrets of the [default](Redaction::default) are
    /// taken out.
    fn from(failure: RequestFailure) -> Self {
        let redaction = Redaction::default();
        let nothing = FailedRequest {
            redaction: &redaction,
            method: None,
            url: None,
            origin: None,
            credentials: &[],
        };
        Self::of(nothing, failure)
    }
}

impl From<SessionClosed> for RequestError {
    fn from(closed: SessionClosed) -> Self {
        RequestFailure::SessionClosed(closed).into()
    }
}

/// For those who hold a client of [`HttpSession::client`](crate::HttpSession::client): the error of
/// the session comes out again as it went in.
impl From<reqwest_middleware::Error> for RequestError {
    fn from(error: reqwest_middleware::Error) -> Self {
        let error = match error {
            reqwest_middleware::Error::Middleware(error) => match error.downcast::<Self>() {
                Ok(error) => return error,
                Err(error) => reqwest_middleware::Error::Middleware(error),
            },
            error @ reqwest_middleware::Error::Reqwest(_) => error,
        };
        RequestFailure::of_chain(error).into()
    }
}

/// For middleware chains and for SDKs that speak `reqwest_middleware`.
impl From<RequestError> for reqwest_middleware::Error {
    fn from(error: RequestError) -> Self {
        match *error.0 {
            Inner {
                failure: RequestFailure::Request(error),
                url,
                ..
            } => Self::Reqwest(match url {
                Some(url) => error.with_url(url),
                None => error,
            }),
            Inner {
                failure: failure @ RequestFailure::ReadTimeout(_),
                ..
            } => failure.into(),
            inner => Self::middleware(RequestError(Box::new(inner))),
        }
    }
}

impl SessionClosed {
    /// Looks for a closed session among an error and its sources.
    ///
    /// A response body that is cut off ends with a [`reqwest::Error`]; this finds out whether the
    /// end of the session is what cut it off.
    pub fn find<'e>(error: &'e (dyn StdError + 'static)) -> Option<&'e Self> {
        chain(error).find_map(|error| error.downcast_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::NoContext;
    use crate::identity::{ContextId, SessionId};

    #[test]
    fn a_closed_session_is_found_behind_other_errors() {
        let closed = SessionClosed {
            session: SessionId::next(),
            context: ContextId::next(),
            opened_at: std::panic::Location::caller(),
        };
        let inner = Box::new(std::io::Error::other(closed.clone()));
        let outer = RequestError::from(RequestFailure::Middleware(inner));
        assert_eq!(SessionClosed::find(&outer), Some(&closed));
        assert_eq!(SessionClosed::find(&NoContext), None);
    }

    #[test]
    fn an_error_is_no_larger_than_a_pointer() {
        assert_eq!(size_of::<Result<(), RequestError>>(), size_of::<usize>());
    }
}

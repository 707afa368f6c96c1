//! What stopped a request.

use std::error::Error as StdError;

use super::context::SessionClosed;
use super::queue_timeout::QueueTimeout;
use super::read_timeout::ReadTimeout;
use super::redirect::RedirectError;
use super::secrets::Secrets;
use super::withheld::WithheldError;
use super::withhold::withhold;

type BoxError = Box<dyn StdError + Send + Sync>;

/// What stopped a request: who failed it, with the error that it failed with.
///
/// For what went wrong see [`RequestError::kind`](crate::RequestError::kind), which does not depend
/// on who is between a request and its connection.
#[derive(Debug)]
#[non_exhaustive]
pub enum RequestFailure {
    /// The session was closed before the request, or while it was in flight.
    SessionClosed(SessionClosed),
    /// The request waited too long for a slot at its host, and was never sent.
    QueueTimeout(QueueTimeout),
    /// Nothing came of its response for too long.
    ReadTimeout(ReadTimeout),
    /// A redirect was not followed.
    Redirect(RedirectError),
    /// `reqwest` failed. Its error has no URL: that is
    /// [`RequestError::url`](crate::RequestError::url).
    Request(reqwest::Error),
    /// A middleware failed.
    Middleware(BoxError),
    /// `reqwest` or a middleware failed, with an error whose own texts hold secrets.
    Withheld(WithheldError),
}

impl RequestFailure {
    /// What a chain of middleware, or `reqwest` at its end, fails with.
    pub(crate) fn of_chain(error: reqwest_middleware::Error) -> Self {
        match error {
            reqwest_middleware::Error::Reqwest(error) => match ReadTimeout::find(&error) {
                Some(timeout) => Self::ReadTimeout(*timeout),
                None => Self::Request(error),
            },
            reqwest_middleware::Error::Middleware(error) => {
                // Those of the session itself come out again as they went in.
                let error = match error.downcast() {
                    Ok(closed) => return Self::SessionClosed(closed),
                    Err(error) => error,
                };
                let error = match error.downcast() {
                    Ok(timeout) => return Self::QueueTimeout(timeout),
                    Err(error) => error,
                };
                match error.downcast() {
                    Ok(redirect) => Self::Redirect(redirect),
                    // Allocated anew, so that its users can downcast it.
                    Err(error) => {
                        Self::Middleware(error.reallocate_into_boxed_dyn_error_without_backtrace())
                    }
                }
            }
        }
    }

    /// The error that the request failed with.
    pub(super) fn error(&self) -> &(dyn StdError + 'static) {
        match self {
            Self::SessionClosed(error) => error,
            Self::QueueTimeout(error) => error,
            Self::ReadTimeout(error) => error,
            Self::Redirect(error) => error,
            Self::Request(error) => error,
            Self::Middleware(error) => &**error,
            Self::Withheld(error) => error,
        }
    }

    /// What it is called where its kind says nothing.
    pub(super) fn said(&self) -> &'static str {
        match self {
            Self::Request(error) if error.is_builder() => "the request is not valid",
            Self::Middleware(_) => "a middleware failed",
            _ => "the request failed",
        }
    }

    /// The same failure, without secrets in any of its texts.
    pub(super) fn without(self, secrets: Secrets<'_>) -> Self {
        let (failure, secrets) = match self {
            Self::Request(error) => {
                let secrets = secrets.of_chain(&error);
                (Self::Request(error.without_url()), secrets)
            }
            Self::Middleware(error) => {
                let secrets = secrets.of_chain(&*error);
                (Self::Middleware(error), secrets)
            }
            // Nothing in them is of others.
            Self::SessionClosed(_) | Self::QueueTimeout(_) | Self::ReadTimeout(_) => return self,
            failure @ (Self::Redirect(_) | Self::Withheld(_)) => (failure, secrets),
        };
        match withhold(failure.error(), &secrets) {
            Some(withheld) => Self::Withheld(withheld),
            None => failure,
        }
    }
}

impl From<reqwest::Error> for RequestFailure {
    fn from(error: reqwest::Error) -> Self {
        Self::Request(error)
    }
}

impl From<ReadTimeout> for RequestFailure {
    fn from(timeout: ReadTimeout) -> Self {
        Self::ReadTimeout(timeout)
    }
}

impl From<RedirectError> for RequestFailure {
    fn from(error: RedirectError) -> Self {
        Self::Redirect(error)
    }
}

/// On its way out through a chain of middleware.
impl From<RequestFailure> for reqwest_middleware::Error {
    fn from(failure: RequestFailure) -> Self {
        match failure {
            RequestFailure::Request(error) => Self::Reqwest(error),
            RequestFailure::SessionClosed(error) => Self::middleware(error),
            RequestFailure::QueueTimeout(error) => Self::middleware(error),
            RequestFailure::ReadTimeout(error) => match error.into_reqwest() {
                Some(error) => Self::Reqwest(error),
                None => Self::middleware(error),
            },
            RequestFailure::Redirect(error) => Self::middleware(error),
            RequestFailure::Withheld(error) => Self::middleware(error),
            RequestFailure::Middleware(error) => Self::Middleware(anyhow::Error::from_boxed(error)),
        }
    }
}

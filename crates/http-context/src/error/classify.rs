//! What kind of failure an error is, by the types of its chain and never by their texts.

use std::error::Error as StdError;
use std::io;

use h2::Reason;
use hyper_util::client::legacy;

use super::chain::chain;
use super::connect_timeout::ConnectTimeout;
use super::context::SessionClosed;
use super::kind::{ErrorKind, Specificity};
use super::queue_timeout::QueueTimeout;
use super::read_timeout::ReadTimeout;
use super::redirect::RedirectError;
use super::withheld::WithheldError;

type BoxError = Box<dyn StdError + Send + Sync>;

impl ErrorKind {
    /// Classifies any error by itself and its sources; the one that says most decides.
    ///
    /// It sees through what others make of an error: middleware, boxes, `io::Error`, and errors that
    /// stand for the one they hold (`#[error(transparent)]`).
    pub fn of(error: &(dyn StdError + 'static)) -> Self {
        Findings::of(error, false).kind
    }

    /// As [`of`](Self::of), of an error that was met while connecting: that a stream ended, or
    /// broke off, is then that there is no connection.
    pub(crate) fn of_connect(error: &(dyn StdError + 'static)) -> Self {
        Findings::of(error, true).kind
    }
}

/// What is known of a failure by all errors of its chain.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Findings {
    pub(crate) kind: ErrorKind,
    /// Whether a time limit ran out, be that while connecting or in the queue.
    pub(crate) is_timeout: bool,
    /// Whether there was no connection yet.
    pub(crate) is_connect: bool,
}

impl Findings {
    pub(crate) fn of(error: &(dyn StdError + 'static), is_connect: bool) -> Self {
        let mut all = Self {
            kind: ErrorKind::Other,
            is_timeout: false,
            is_connect,
        };
        for link in chain(error) {
            all.is_connect |= is_of_connect(link);
            let mut found = of_one(link);
            all.is_timeout |= matches!(found, ErrorKind::Timeout | ErrorKind::QueueTimeout);
            if all.is_connect && found.specificity() == Specificity::Stream {
                found = ErrorKind::Connection;
            }
            if found.specificity() > all.kind.specificity() {
                all.kind = found;
            }
        }
        all
    }
}

/// Whether one error of a chain says that there was no connection yet.
pub(super) fn is_of_connect(error: &(dyn StdError + 'static)) -> bool {
    if let Some(error) = error.downcast_ref::<WithheldError>() {
        return error.is_connect();
    }
    // Behind an error that stands for the one of `reqwest`, only that of its client is seen.
    error.downcast_ref().is_some_and(reqwest::Error::is_connect)
        || error.downcast_ref().is_some_and(legacy::Error::is_connect)
}

/// The kind of one error, whatever its sources are.
pub(super) fn of_one(error: &(dyn StdError + 'static)) -> ErrorKind {
    if let Some(error) = error.downcast_ref::<WithheldError>() {
        return error.kind();
    }
    if let Some(error) = error.downcast_ref() {
        return of_reqwest(error);
    }
    if error.is::<SessionClosed>() {
        return ErrorKind::SessionClosed;
    }
    if error.is::<QueueTimeout>() {
        return ErrorKind::QueueTimeout;
    }
    if error.is::<ReadTimeout>() || error.is::<ConnectTimeout>() {
        return ErrorKind::Timeout;
    }
    if error.is::<RedirectError>() {
        return ErrorKind::Redirect;
    }
    if error.is::<NameNotResolved>() {
        return ErrorKind::NameResolution;
    }
    if error.is::<rustls::Error>() {
        return ErrorKind::SecureConnection;
    }
    if let Some(error) = error.downcast_ref() {
        return of_hyper(error);
    }
    if let Some(error) = error.downcast_ref() {
        return of_h2(error);
    }
    if let Some(error) = error.downcast_ref() {
        return of_io(error);
    }
    if error.is::<tokio::time::error::Elapsed>() || is_timeout_of_reqwest(error) {
        return ErrorKind::Timeout;
    }
    if is_of_connect(error) {
        return ErrorKind::Connection;
    }
    ErrorKind::Other
}

/// Whether it is the source that `reqwest` gives its timeouts: all that is seen of one behind an
/// error that stands for it. The type has no public name, so that it is known by its own text; a
/// test fails when that changes, and the kind is then [`Other`](ErrorKind::Other).
pub(super) fn is_timeout_of_reqwest(error: &(dyn StdError + 'static)) -> bool {
    // Whatever has fields is another one, and is not written out.
    size_of_val(error) == 0 && format!("{error:?}") == "TimedOut"
}

/// A request body that fails is an error of `hyper`, as the user's. What `reqwest` itself calls the
/// body is that of the response, and its sources say what became of it.
fn of_reqwest(error: &reqwest::Error) -> ErrorKind {
    if error.is_timeout() {
        ErrorKind::Timeout
    } else if error.is_redirect() {
        ErrorKind::Redirect
    } else if error.is_connect() {
        ErrorKind::Connection
    } else {
        ErrorKind::Other
    }
}

fn of_h2(error: &h2::Error) -> ErrorKind {
    if let Some(error) = error.get_io() {
        return of_io(error);
    }
    if error.is_reset() && !error.is_remote() && !error.is_library() {
        // `hyper` resets a stream when the body that it sends fails.
        return ErrorKind::RequestBody;
    }
    // What this side found wrong with what the other one said; the rest is what that one did.
    let is_wrong = error.is_library()
        && matches!(
            error.reason(),
            Some(
                Reason::PROTOCOL_ERROR
                    | Reason::FRAME_SIZE_ERROR
                    | Reason::COMPRESSION_ERROR
                    | Reason::FLOW_CONTROL_ERROR
            )
        );
    if is_wrong {
        ErrorKind::InvalidResponse
    } else {
        ErrorKind::ResponseEnded
    }
}

/// The end of the stream before the end of what it carries is no broken connection.
fn of_io(error: &io::Error) -> ErrorKind {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => ErrorKind::ResponseEnded,
        io::ErrorKind::TimedOut => ErrorKind::Timeout,
        // Also what was read and is no chunk.
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => ErrorKind::InvalidResponse,
        _ => ErrorKind::Connection,
    }
}

fn of_hyper(error: &hyper::Error) -> ErrorKind {
    if error.is_timeout() {
        ErrorKind::Timeout
    } else if error.is_user() {
        ErrorKind::RequestBody
    } else if error.is_parse() {
        ErrorKind::InvalidResponse
    } else if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
        ErrorKind::ResponseEnded
    } else if is_unasked(error) {
        ErrorKind::InvalidResponse
    } else {
        ErrorKind::Other
    }
}

/// Whether the server has said something that nobody had asked for. `hyper` has no name for it: of what
/// has none it alone has no source. A test fails when that changes, and the kind is then
/// [`Other`](ErrorKind::Other).
fn is_unasked(error: &hyper::Error) -> bool {
    !error.is_body_write_aborted() && !error.is_shutdown() && error.source().is_none()
}

/// Marks a failed lookup, whatever the resolver's own error is.
#[derive(Debug, thiserror::Error)]
#[error("the name of the host could not be resolved")]
pub(crate) struct NameNotResolved(#[source] pub(crate) BoxError);

#[cfg(test)]
mod tests;

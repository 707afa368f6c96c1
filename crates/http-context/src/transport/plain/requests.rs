//! Sees the requests of a plain client, each time that one was sent and is answered or has failed.
//!
//! `reqwest` asks whoever is to classify an attempt, so as to send it again: that is where they are seen.
//! It does not ask for one whose body is a stream, since it could not send it again, nor for the last
//! one that it may send.

use std::sync::Arc;

use h2::Reason;
use reqwest::retry;

use super::credentials::SentCredentials;
use crate::error::{ErrorKind, chain};
use crate::scope::PlainScope;

/// How often a request is sent again: once more than by `reqwest` alone, which does not show the last
/// one.
const MOST_RETRIES: u32 = 3;

/// Sends again what `reqwest` sends again by itself, and notes what it sees.
pub(super) fn seen(plain: Arc<PlainScope>, sent: Arc<SentCredentials>) -> retry::Builder {
    let builder = retry::for_host(AnyHost).no_budget();
    let builder = builder.max_retries_per_request(MOST_RETRIES);
    builder.classify_fn(move |attempt| {
        let error = attempt.error();
        let (outcome, is_refused) = match (attempt.status(), error) {
            (Some(status), _) => {
                if status.is_redirection() {
                    sent.note(attempt.uri(), status, &attempt);
                }
                (Ok(status), false)
            }
            (None, Some(error)) => (Err(ErrorKind::of(error)), is_refused(error)),
            (None, None) => (Err(ErrorKind::Other), false),
        };
        plain.note_request(attempt.method(), attempt.uri(), outcome);
        if is_refused {
            attempt.retryable()
        } else {
            attempt.success()
        }
    })
}

/// Equal to each of them.
struct AnyHost;

impl PartialEq<&str> for AnyHost {
    fn eq(&self, _: &&str) -> bool {
        true
    }
}

/// Whether the server has not looked at the request: what `reqwest` would send again by itself.
fn is_refused(error: &(dyn std::error::Error + 'static)) -> bool {
    chain(error).any(|link| {
        link.downcast_ref::<h2::Error>().is_some_and(|error| {
            let refused = error.is_reset() && error.reason() == Some(Reason::REFUSED_STREAM);
            let goes_away = error.is_go_away() && error.reason() == Some(Reason::NO_ERROR);
            error.is_remote() && (refused || goes_away)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy)]
    enum End {
        /// Of the one stream.
        Reset(Reason),
        /// Before the server has looked at any.
        GoAway(Reason),
    }

    /// The error of a request that a server ends in this way.
    async fn error(end: End) -> Box<dyn std::error::Error> {
        let (near, far) = tokio::io::duplex(1 << 16);
        let serves = async {
            let mut serving = h2::server::Builder::new()
                .handshake::<_, bytes::Bytes>(far)
                .await
                .unwrap();
            match end {
                End::Reset(reason) => {
                    let (_, mut response) = serving.accept().await.unwrap().unwrap();
                    response.send_reset(reason);
                }
                End::GoAway(reason) => serving.abrupt_shutdown(reason),
            }
            while let Some(Ok(_)) = serving.accept().await {}
        };
        let asks = async {
            let (mut requests, connection) = h2::client::handshake(near).await.unwrap();
            let (response, _) = requests.send_request(http::Request::new(()), true).unwrap();
            drop(requests);
            let (response, _) = tokio::join!(response, connection);
            response.unwrap_err()
        };
        let (error, ()) = tokio::join!(asks, serves);
        error.into()
    }

    #[tokio::test]
    async fn only_what_the_server_has_not_looked_at_is_sent_again() {
        for (reason, reset, goes_away) in [
            (Reason::REFUSED_STREAM, true, false),
            (Reason::NO_ERROR, false, true),
            (Reason::CANCEL, false, false),
            (Reason::ENHANCE_YOUR_CALM, false, false),
        ] {
            let ended = error(End::Reset(reason)).await;
            assert_eq!(is_refused(&*ended), reset, "{ended:?}");
            let ended = error(End::GoAway(reason)).await;
            assert_eq!(is_refused(&*ended), goes_away, "{ended:?}");
            // It is not the server that says so.
            assert!(!is_refused(&h2::Error::from(reason)));
        }
    }
}

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

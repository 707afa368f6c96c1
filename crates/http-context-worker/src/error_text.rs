//! Errors as they stand in results and log lines: in words, and without URLs.

use std::error::Error;
use std::fmt::Write as _;

use http_context::RequestError;

/// The error in words, without the URL: its path may hold secrets that no list knows.
pub(crate) fn request_error(error: &RequestError) -> String {
    chain(error.source().unwrap_or(error))
}

/// An error and its causes, each said once, without URLs: their queries may hold secrets that no list
/// knows.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = without_url(error.to_string());
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = without_url(cause.to_string());
        if !text.contains(&cause_text) {
            let _ = write!(text, ": {cause_text}");
        }
        next = cause.source();
    }
    text
}

/// The text of an error of `reqwest` without its URL, which comes last in it.
fn without_url(mut text: String) -> String {
    if let Some(at) = text.find(" for url (") {
        text.truncate(at);
    }
    text
}

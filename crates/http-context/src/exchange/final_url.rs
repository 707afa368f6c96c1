//! The URL of a response, with its secrets and without.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use http::response::Parts;
use hyper::ext::ReasonPhrase;
use reqwest::{Body, Response, Url};

use super::state::Exchange;
use crate::error::{Redaction, Secrets};
use crate::transport::set_url;

/// The whole URL that a response came from, where that has secrets.
///
/// It is in the extensions of a response whose [`url`](Response::url) shows the URL redacted: what
/// fails later on that response, such as [`error_for_status`](Response::error_for_status), has that
/// one in its text. It may contain secrets, and its `Debug` shows none of it.
///
/// ```
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use http_context::{FinalUrl, http_session};
///
/// let response = http_session()?.get("https://example.com/?sig=abc").send().await?;
/// assert_eq!(response.url().as_str(), "https://example.com/?sig=REDACTED");
/// assert_eq!(FinalUrl::of(&response).as_str(), "https://example.com/?sig=abc");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct FinalUrl(Arc<Url>);

impl FinalUrl {
    /// The whole URL that a response came from, whether it has secrets or none.
    pub fn of(response: &Response) -> &Url {
        let whole = response.extensions().get::<Self>();
        whole.map_or(response.url(), |whole| &whole.0)
    }
}

impl fmt::Debug for FinalUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FinalUrl").finish_non_exhaustive()
    }
}

impl Exchange {
    /// How the URL of its response is shown, where there is anything in it that is not. Of a request
    /// that was sent once, without middleware, the URL was looked at when it was admitted.
    fn redaction_of_response(&self) -> Option<&Redaction> {
        let is_known = self.info.kept.is_none() && self.info.resends() == 0;
        (!is_known).then(|| self.redaction())
    }
}

/// The same response without secrets in its URL.
pub(super) fn without_secrets(response: Response, exchange: &Exchange) -> Response {
    let redaction = exchange.redaction_of_response();
    if let Some(redaction) = redaction.filter(|redaction| redaction.has_secret(response.url())) {
        let (parts, body) = redact(response, Some(redaction));
        http::Response::from_parts(parts, body).into()
    } else {
        response
    }
}

/// The parts of a response, without secrets in its URL.
pub(super) fn parts_without_secrets(response: Response, exchange: &Exchange) -> (Parts, Body) {
    redact(response, exchange.redaction_of_response())
}

fn redact(response: Response, redaction: Option<&Redaction>) -> (Parts, Body) {
    let url = response.url();
    let redacted = redaction.map(|redaction| (redaction.redact(url), redaction));
    let (url, whole) = match redacted {
        Some((Cow::Owned(redacted), redaction)) => (redacted, Some((url.clone(), redaction))),
        _ => (url.clone(), None),
    };
    let (mut parts, body) = http::Response::<Body>::from(response).into_parts();
    if let Some((whole, redaction)) = whole {
        // The error of a status has it in its text.
        if let Some(reason) = parts.extensions.get::<ReasonPhrase>() {
            let reason = String::from_utf8_lossy(reason.as_bytes());
            let secrets = Secrets::new(redaction).of_url(&whole);
            if matches!(secrets.redact(&reason), Cow::Owned(_)) {
                parts.extensions.remove::<ReasonPhrase>();
            }
        }
        parts.extensions.insert(FinalUrl(Arc::new(whole)));
    }
    set_url(&mut parts, url);
    (parts, body)
}

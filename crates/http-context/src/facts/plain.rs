//! What is seen of a plain client.

use reqwest::{Method, StatusCode};
use std::sync::Arc;

use crate::caller::Caller;
use crate::error::ErrorKind;
use crate::identity::{Origin, SessionId};

/// A request of a plain client, of [`HttpSession::reqwest_client`](crate::HttpSession::reqwest_client),
/// that was answered or has failed: each time that it was sent, so that the hops of a redirect and what
/// `reqwest` sends again are one each.
///
/// Its connection is not known, nor when it began, nor what becomes of its body.
#[derive(Debug)]
#[non_exhaustive]
pub struct PlainRequest<'e> {
    /// The session that its client belongs to.
    pub session: SessionId,
    /// In whose scope it was awaited, where that [has a name](crate::caller()).
    pub caller: Option<Caller>,
    /// Its method.
    pub method: &'e Method,
    /// Where it was sent.
    pub origin: &'e Arc<Origin>,
    /// The status of its response, or why there is none.
    pub outcome: Result<StatusCode, ErrorKind>,
}

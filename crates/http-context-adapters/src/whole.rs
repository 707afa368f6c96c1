//! Responses that are read to their end, for SDKs that take them so.

use http_body_util::{BodyExt as _, Limited};
use http_context::bytes::Bytes;

use crate::error::SendError;

/// Reads all of the body, which fails once it is longer than the limit.
pub(crate) async fn read_whole(
    response: http::Response<reqwest::Body>,
    limit: usize,
) -> Result<http::Response<Bytes>, SendError> {
    let (head, body) = response.into_parts();
    let body = Limited::new(body, limit).collect().await;
    let body = body.map_err(SendError::Body)?.to_bytes();
    Ok(http::Response::from_parts(head, body))
}

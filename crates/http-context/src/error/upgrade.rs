//! A connection was not upgraded.

use reqwest::Response;
use thiserror::Error;

use super::request::RequestError;

/// A connection was not upgraded.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum UpgradeError {
    /// The request got no response.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The response does not upgrade the connection. Its body is there to be read.
    #[error("the server answered {} where an upgrade was asked for", .0.status())]
    Refused(Box<Response>),
}

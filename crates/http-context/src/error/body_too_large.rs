//! A response body was too long.

use std::error::Error as StdError;

use thiserror::Error;

use super::chain::chain;

/// A response body was longer than its context allows.
///
/// It is a source of the error that reading the body ends with; [`find`](Self::find) finds it
/// there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "the response body is longer than the {limit} bytes that are allowed: ask for less at a time, \
     or raise `max_response_body`"
)]
#[non_exhaustive]
pub struct BodyTooLarge {
    /// How many bytes are allowed.
    pub limit: u64,
}

impl BodyTooLarge {
    /// Looks for a body that was too large among an error and its sources.
    ///
    /// ```
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use http_context::{BodyTooLarge, http_session};
    ///
    /// let response = http_session()?.get("https://example.com/").send().await?;
    /// match response.bytes().await {
    ///     Err(error) if BodyTooLarge::find(&error).is_some() => println!("too much of it"),
    ///     result => println!("{} bytes", result?.len()),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn find<'e>(error: &'e (dyn StdError + 'static)) -> Option<&'e Self> {
        chain(error).find_map(|error| error.downcast_ref())
    }
}

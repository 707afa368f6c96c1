//! A redirect was not followed.

use std::error::Error as StdError;

use thiserror::Error;

type BoxError = Box<dyn StdError + Send + Sync>;

/// Why a redirect was not followed.
///
/// No text of it contains the URL that the redirect leads to.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RedirectError {
    /// The policy follows no more in a row.
    #[error("there are more than {limit} redirects in a row; raise the limit of `RedirectPolicy`")]
    TooMany {
        /// How many the policy allows.
        limit: usize,
    },
    /// The `Location` is not a URL, or there are several that differ.
    #[error("the `Location` of the redirect is not one valid URL")]
    InvalidLocation,
    /// It leads to another scheme than `http` or `https`.
    #[error("the redirect leads to a URL of the scheme `{scheme}`, which is not http or https")]
    Scheme {
        /// The scheme.
        scheme: String,
    },
    /// It leads to `http`, and the session sends over `https` only.
    #[error("the redirect leads to http, and `https_only` is set")]
    NotHttps,
    /// The body has to be sent again, and it is a stream.
    #[error(
        "the redirect asks for the body of the request once more, and a stream cannot be sent \
         twice; send bytes, or handle the redirect with `RedirectPolicy::none()`"
    )]
    StreamedBody,
    /// It leads to another origin, and `configure` has set credentials among the default headers,
    /// which `reqwest` would send there.
    #[error(
        "the redirect leads to another origin, which would get the credentials among the default \
         headers that were set by `configure`; set them by `default_headers` of the session, which \
         removes them there"
    )]
    DefaultCredentials,
    /// It leads to another origin, or has led to one before, and the request has credentials that
    /// `reqwest` would send there: a plain client follows no such redirect.
    #[error(
        "the redirect leads to another origin, or has come from one, and a plain `reqwest::Client` \
         would send it credentials of the request; send the request by the session, which removes \
         them, or follow the redirect where it is made"
    )]
    PlainCredentials,
    /// A policy made by [`RedirectPolicy::custom`](crate::RedirectPolicy::custom) refused it.
    #[error("the redirect policy refused the redirect")]
    Refused(#[source] BoxError),
}

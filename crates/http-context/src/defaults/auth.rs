//! Credentials that go with requests to one origin, and with no others.

use std::fmt::{self, Display};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use reqwest::Url;

use super::base_url;
use crate::error::BuildError;
use crate::identity::is_same_origin;

/// Credentials for the requests to one origin that have none of their own.
///
/// The origin is a scheme, a host and a port: that of the
/// [`base_url`](crate::ContextBuilder::base_url), or the one that [`for_origin`](Self::for_origin)
/// names. A context is used by code of others, so that credentials go nowhere else: not to another
/// host, port or scheme, and not to where a redirect leads outside of the origin, nor back from there.
///
/// ```
/// use http_context::{DefaultAuth, builder};
///
/// let jobs = builder()
///     .base_url("https://api.example.com/v1/")
///     .auth(DefaultAuth::bearer("token"));
/// let elsewhere = DefaultAuth::basic("me", Some("password")).for_origin("https://example.org");
/// let others = builder().auth(elsewhere);
/// ```
#[derive(Clone)]
#[must_use = "credentials do nothing until a context has them"]
pub struct DefaultAuth {
    header: Option<HeaderValue>,
    origin: Option<Result<Url, BuildError>>,
}

/// Credentials, and where they go.
pub(super) struct AuthOfOrigin {
    pub(super) header: HeaderValue,
    origin: Url,
}

impl DefaultAuth {
    /// Basic authentication.
    pub fn basic(username: impl Display, password: Option<impl Display>) -> Self {
        let password = password.map_or_else(String::new, |password| password.to_string());
        let credentials = STANDARD.encode(format!("{username}:{password}"));
        Self::of(&format!("Basic {credentials}"))
    }

    /// A bearer token.
    pub fn bearer(token: impl Display) -> Self {
        Self::of(&format!("Bearer {token}"))
    }

    /// They go to the origin of this URL.
    pub fn for_origin(mut self, url: impl AsRef<str>) -> Self {
        self.origin = Some(base_url::parse(url.as_ref()));
        self
    }

    fn of(value: &str) -> Self {
        let header = HeaderValue::try_from(value).ok().map(|mut header| {
            header.set_sensitive(true);
            header
        });
        Self {
            header,
            origin: None,
        }
    }

    /// # Errors
    ///
    /// When they cannot be sent, nothing says where to, or the base URL has others for there.
    pub(super) fn resolve(&self, base_url: Option<&Url>) -> Result<AuthOfOrigin, BuildError> {
        let Some(header) = self.header.clone() else {
            return Err(BuildError::InvalidAuth);
        };
        let origin = match (&self.origin, base_url) {
            (Some(origin), _) => origin.clone()?,
            (None, Some(base)) => base.clone(),
            (None, None) => return Err(BuildError::AuthForNobody),
        };
        let has_user_info = |url: &Url| !url.username().is_empty() || url.password().is_some();
        let is_twice = |base: &Url| has_user_info(base) && is_same_origin(base, &origin);
        if base_url.is_some_and(is_twice) {
            return Err(BuildError::AuthTwice);
        }
        Ok(AuthOfOrigin { header, origin })
    }
}

impl AuthOfOrigin {
    pub(super) fn is_for(&self, url: &Url) -> bool {
        is_same_origin(&self.origin, url)
    }
}

impl fmt::Debug for DefaultAuth {
    /// Without the credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DefaultAuth").finish_non_exhaustive()
    }
}

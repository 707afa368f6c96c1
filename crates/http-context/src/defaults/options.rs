//! What was set of the defaults, as the contexts of one builder have it.

use super::Defaults;
use super::auth::DefaultAuth;
use super::base_url;
#[cfg(feature = "cookies")]
use super::cookies::CookieOption;
use crate::error::BuildError;

/// Of all contexts of one builder.
#[derive(Clone, Default)]
pub(crate) struct DefaultOptions {
    /// As it was given; it may be none.
    pub(crate) base_url: Option<String>,
    pub(crate) auth: Option<DefaultAuth>,
    pub(crate) fails_on_status: bool,
    #[cfg(feature = "cookies")]
    pub(crate) cookies: CookieOption,
}

impl DefaultOptions {
    /// Those of one context; `None` where there are none.
    ///
    /// # Errors
    ///
    /// When what was set cannot be.
    pub(crate) fn resolve(&self) -> Result<Option<Box<Defaults>>, BuildError> {
        if self.are_none() {
            return Ok(None);
        }
        let base_url = self.base_url.as_deref().map(base_url::parse).transpose()?;
        let auth = self.auth.as_ref();
        let auth = auth
            .map(|auth| auth.resolve(base_url.as_ref()))
            .transpose()?;
        Ok(Some(Box::new(Defaults {
            base_url,
            auth,
            fails_on_status: self.fails_on_status,
            #[cfg(feature = "cookies")]
            cookies: self.cookies.of_context(),
        })))
    }

    /// Whether contexts keep cookies.
    #[cfg_attr(
        not(feature = "cookies"),
        allow(clippy::unused_self, reason = "the same call with and without cookies")
    )]
    pub(crate) fn keep_cookies(&self) -> bool {
        #[cfg(feature = "cookies")]
        return self.cookies.is_on();
        #[cfg(not(feature = "cookies"))]
        false
    }

    fn are_none(&self) -> bool {
        !(self.keep_cookies() || self.fails_on_status)
            && self.base_url.is_none()
            && self.auth.is_none()
    }
}

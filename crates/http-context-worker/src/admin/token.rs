//! The token by which somebody may change what a worker does.

use std::fmt;

use http::HeaderMap;
use http::header::AUTHORIZATION;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// The fewest characters of one.
const SHORTEST: usize = 16;

/// The token of an [`Admin`](crate::Admin) endpoint, by which jobs may be cancelled and retried: at least 16
/// visible ASCII characters, such as `openssl rand -hex 16` makes. Only its digest is kept.
///
/// # Examples
///
/// ```
/// use http_context_worker::AdminToken;
///
/// let token: AdminToken = "0f4d2a9c1b7e8d36".parse()?;
/// assert!("secret".parse::<AdminToken>().is_err());
/// # Ok::<(), http_context_worker::BadAdminToken>(())
/// ```
#[derive(Clone)]
pub struct AdminToken([u8; 32]);

/// A text that can be no [`AdminToken`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a token has at least {SHORTEST} characters, all of them visible ASCII")]
#[non_exhaustive]
pub struct BadAdminToken;

impl std::str::FromStr for AdminToken {
    type Err = BadAdminToken;

    fn from_str(text: &str) -> Result<Self, BadAdminToken> {
        let text = text.trim_ascii();
        if text.len() < SHORTEST || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(BadAdminToken);
        }
        Ok(Self(Sha256::digest(text).into()))
    }
}

impl AdminToken {
    /// Whether a request has it, as `authorization: Bearer TOKEN`: a header that no web page can send to
    /// another site unasked, and that no browser adds by itself. How long the comparison takes says nothing
    /// of the token.
    pub(super) fn is_in(&self, headers: &HeaderMap) -> bool {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return false;
        };
        let Some((scheme, token)) = value.to_str().ok().and_then(|value| value.split_once(' '))
        else {
            return false;
        };
        let token: [u8; 32] = Sha256::digest(token.trim_ascii()).into();
        scheme.eq_ignore_ascii_case("bearer") && self.0.ct_eq(&token).into()
    }
}

impl fmt::Debug for AdminToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminToken(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "0123456789abcdef";

    #[test]
    fn only_the_token_itself_as_a_bearer_is_the_token() {
        let token: AdminToken = TOKEN.parse().unwrap();
        let is_in = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(AUTHORIZATION, value.parse().unwrap());
            }
            token.is_in(&headers)
        };
        let bearer = format!("Bearer {TOKEN}");
        assert!(is_in(&[&bearer]) && is_in(&[&format!("bearer  {TOKEN}")]));
        for values in [
            &[][..],
            &[TOKEN],
            &["Bearer"],
            &["Bearer "],
            &["Bearer 0123456789abcde"],
            &["Bearer 0123456789abcdef0"],
            &["Bearer 0123456789ABCDEF"],
            &["Basic 0123456789abcdef"],
            &[&bearer, &bearer],
        ] {
            assert!(!is_in(values), "{values:?}");
        }
    }

    #[test]
    fn a_token_that_can_be_guessed_or_not_sent_is_refused_and_none_is_shown() {
        for text in [
            "",
            "short",
            "0123456789 abcdef",
            "0123456789abcdeä",
            "0123456789abcde\n",
        ] {
            assert_eq!(
                text.parse::<AdminToken>().unwrap_err(),
                BadAdminToken,
                "{text}"
            );
        }
        let token: AdminToken = format!("{TOKEN}\n").parse().unwrap();
        assert_eq!(format!("{token:?}"), "AdminToken(…)");
    }
}

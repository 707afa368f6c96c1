//! Keeps secrets out of what leaves the process: error texts, reports, telemetry.

use std::borrow::Cow;
use std::sync::Arc;

use url::Url;

/// What stands in the place of a secret.
pub(super) const REDACTED: &str = "REDACTED";

/// What stands in the place of user info.
pub(super) const USER_INFO: &str = "REDACTED:REDACTED";

/// Query parameters whose values sign or authorise a request (the list of the OpenTelemetry HTTP
/// conventions, and the rest of the same families).
const SIGNING_PARAMETERS: [&str; 7] = [
    "X-Amz-Signature",
    "X-Amz-Credential",
    "X-Amz-Security-Token",
    "AWSAccessKeyId",
    "Signature",
    "sig",
    "X-Goog-Signature",
];

/// Which parts of a URL are secrets. User info always is.
///
/// The values of the known signing parameters are redacted in any case; more names can be added,
/// or all query values redacted. Names are compared without regard to case, percent-decoded.
///
/// ```
/// use http_context::Redaction;
///
/// let url = "https://user:pw@host/p?sig=abc&page=2".parse()?;
/// assert_eq!(
///     Redaction::default().redact(&url).as_str(),
///     "https://REDACTED:REDACTED@host/p?sig=REDACTED&page=2",
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Redaction {
    /// `None` is no more names: a clone of it is free.
    more: Option<Arc<[String]>>,
    all_values: bool,
}

impl Redaction {
    /// Redacts the value of each of these query parameters too.
    #[must_use]
    pub fn also<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        let known = self.more.iter().flat_map(|names| names.iter().cloned());
        self.more = Some(known.chain(names.into_iter().map(Into::into)).collect());
        self
    }

    /// Redacts every query value, whatever its name.
    #[must_use]
    pub fn all_query_values(mut self) -> Self {
        self.all_values = true;
        self
    }

    /// The same URL without its secrets; borrowed when there are none.
    pub fn redact<'u>(&self, url: &'u Url) -> Cow<'u, Url> {
        let has_user_info = !url.username().is_empty() || url.password().is_some();
        let query = url.query().and_then(|query| self.redact_pairs(query));
        let fragment = url
            .fragment()
            .and_then(|fragment| self.redact_pairs(fragment));
        let opaque = opaque_user_info(url).filter(|(user_info, _)| *user_info != USER_INFO);
        if !has_user_info && query.is_none() && fragment.is_none() && opaque.is_none() {
            return Cow::Borrowed(url);
        }
        let path = opaque.map(|(_, host)| format!("{USER_INFO}@{host}"));
        let mut url = url.clone();
        if has_user_info {
            // Neither can fail: a URL that has user info can have user info.
            let _ = url.set_username(REDACTED);
            let _ = url.set_password(Some(REDACTED));
        }
        if let Some(path) = path {
            url.set_path(&path);
        }
        if query.is_some() {
            url.set_query(query.as_deref());
        }
        if fragment.is_some() {
            url.set_fragment(fragment.as_deref());
        }
        Cow::Owned(url)
    }

    /// The same `name=value&…` with secret values replaced, or `None` when nothing is secret.
    fn redact_pairs(&self, pairs: &str) -> Option<String> {
        let is_secret_pair = |pair: &str| {
            pair.split_once('=').is_some_and(|(name, value)| {
                value != REDACTED && (self.all_values || self.is_secret(name))
            })
        };
        if !pairs.split('&').any(is_secret_pair) {
            return None;
        }
        let redacted: Vec<Cow<'_, str>> = pairs
            .split('&')
            .map(|pair| match pair.split_once('=') {
                Some((name, _)) if is_secret_pair(pair) => format!("{name}={REDACTED}").into(),
                _ => pair.into(),
            })
            .collect();
        Some(redacted.join("&"))
    }

    pub(super) fn has_all_values(&self) -> bool {
        self.all_values
    }

    /// Whether the values of this parameter are secrets, as its name stands in a URL.
    pub(super) fn is_secret(&self, raw_name: &str) -> bool {
        let name = decode(raw_name);
        let more = self.more.iter().flat_map(|names| names.iter());
        SIGNING_PARAMETERS
            .into_iter()
            .chain(more.map(String::as_str))
            .any(|secret| secret.eq_ignore_ascii_case(&name))
    }

    /// Calls `f` with each secret of a URL, as it stands there.
    pub(super) fn for_each_secret(&self, url: &Url, mut f: impl FnMut(&str)) {
        f(url.username());
        if let Some((user_info, _)) = opaque_user_info(url) {
            f(user_info);
        }
        url.password().into_iter().for_each(&mut f);
        for pairs in [url.query(), url.fragment()].into_iter().flatten() {
            for (name, value) in pairs.split('&').filter_map(|pair| pair.split_once('=')) {
                if self.all_values || self.is_secret(name) {
                    f(value);
                }
            }
        }
    }

    /// Whether a URL has a secret.
    pub(crate) fn has_secret(&self, url: &Url) -> bool {
        matches!(self.redact(url), Cow::Owned(_))
    }
}

/// The user info of a URL that lacks its scheme, so that the user name is taken for one, and what
/// follows it: `user:password@host/path`.
fn opaque_user_info(url: &Url) -> Option<(&str, &str)> {
    // That of a mail address is none.
    if url.cannot_be_a_base() && url.scheme() != "mailto" {
        url.path().rsplit_once('@')
    } else {
        None
    }
}

/// Percent-decodes a parameter's name the way form data is read.
fn decode(raw: &str) -> Cow<'_, str> {
    if !raw.contains(['%', '+']) {
        return raw.into();
    }
    url::form_urlencoded::parse(raw.as_bytes())
        .next()
        .map_or_else(|| raw.into(), |(name, _)| name.into_owned().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redacted(redaction: &Redaction, url: &str) -> String {
        redaction
            .redact(&Url::parse(url).unwrap())
            .as_str()
            .to_owned()
    }

    #[test]
    fn a_url_without_secrets_comes_out_unchanged() {
        for url in [
            "https://host/",
            "https://host:8443/a%20b?x=1&&y&z=%20+#frag",
            "http://[::1]:80/?signature_of=none",
            "http://host/?sig",
        ] {
            let parsed = Url::parse(url).unwrap();
            assert!(
                matches!(Redaction::default().redact(&parsed), Cow::Borrowed(_)),
                "{url}"
            );
        }
    }

    #[test]
    fn secrets_are_replaced_wherever_they_stand() {
        let default = Redaction::default();
        for (url, expected) in [
            ("https://u@h/", "https://REDACTED:REDACTED@h/"),
            ("https://:p@h/", "https://REDACTED:REDACTED@h/"),
            (
                "https://h/?a=1&X-Amz-Signature=s&b=2",
                "https://h/?a=1&X-Amz-Signature=REDACTED&b=2",
            ),
            (
                "https://h/?SIG=s&sig=t",
                "https://h/?SIG=REDACTED&sig=REDACTED",
            ),
            ("https://h/?s%69g=s", "https://h/?s%69g=REDACTED"),
            ("https://h/#sig=s", "https://h/#sig=REDACTED"),
            (
                "user:pw@h/p?sig=s",
                "user:REDACTED:REDACTED@h/p?sig=REDACTED",
            ),
        ] {
            assert_eq!(redacted(&default, url), expected);
        }
    }

    #[test]
    fn the_list_can_be_extended_or_set_to_everything() {
        let also = Redaction::default().also(["api_key"]);
        assert_eq!(
            redacted(&also, "http://h/?api_key=k&q=1"),
            "http://h/?api_key=REDACTED&q=1"
        );
        let all = Redaction::default().all_query_values();
        assert_eq!(redacted(&all, "http://h/?q=1&r"), "http://h/?q=REDACTED&r");
    }
}

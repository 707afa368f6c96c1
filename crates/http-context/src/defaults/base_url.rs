//! The URL that relative ones are joined to.

use std::borrow::Cow;

use reqwest::Url;
use url::ParseError;

use crate::error::BuildError;

/// # Errors
///
/// When nothing over HTTP can be relative to it.
pub(super) fn parse(url: &str) -> Result<Url, BuildError> {
    let refused = |reason| BuildError::BaseUrl { reason };
    let url = Url::parse(url).map_err(|error| match error {
        ParseError::RelativeUrlWithoutBase => refused("it is relative itself"),
        _ => refused("it is no URL"),
    })?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(refused("its scheme is neither http nor https"));
    }
    Ok(url)
}

/// What a reference leads to from there. One that is a whole URL is left as it is, and so is what
/// leads nowhere, for the request to say so.
pub(super) fn join<'r>(base: &Url, reference: &'r str) -> Cow<'r, str> {
    match Url::parse(reference) {
        Err(ParseError::RelativeUrlWithoutBase) => {}
        _ => return reference.into(),
    }
    match base.join(reference) {
        Ok(url) => String::from(url).into(),
        // Only another host can be wrong, and that is said of it where it has a scheme.
        Err(_) => format!("{}:{}", base.scheme(), reference.trim()).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_joined_as_one_in_a_page() {
        let joined =
            |base: &str, reference: &str| join(&parse(base).unwrap(), reference).into_owned();
        for (base, reference, url) in [
            ("https://h/v1/", "items", "https://h/v1/items"),
            ("https://h/v1/", "", "https://h/v1/"),
            ("https://h/v1/", "?page=2", "https://h/v1/?page=2"),
            ("https://h/v1/", "../v2/items", "https://h/v2/items"),
            ("https://h/v1/", "/items", "https://h/items"),
            ("https://h/v1", "items", "https://h/items"),
            ("https://h", "items", "https://h/items"),
            ("https://h/v1/?key=1", "items", "https://h/v1/items"),
            (
                "https://me:pw@h:8/v1/",
                "items",
                "https://me:pw@h:8/v1/items",
            ),
            ("https://me:pw@h/v1/", "//other/x", "https://other/x"),
            ("https://h/v1/", "http://other/x", "http://other/x"),
            ("https://h/v1/", "ftp://other/x", "ftp://other/x"),
            ("https://h/v1/", "a:b", "a:b"),
            ("https://h/v1/", "./a:b", "https://h/v1/a:b"),
            ("https://h/v1/", "//h:99999/", "https://h:99999/"),
        ] {
            let joined = joined(base, reference);
            let joined = Url::parse(&joined).map_or(joined, String::from);
            assert_eq!(joined, url.to_owned(), "{base} {reference}");
        }
    }

    #[test]
    fn what_nothing_over_http_is_relative_to_is_no_base() {
        for base in [
            "",
            "/v1/",
            "mailto:me@host",
            "ftp://host/",
            "ws://host/",
            "http://",
            "https://h:x/",
        ] {
            let error = parse(base).unwrap_err();
            assert!(
                matches!(error, BuildError::BaseUrl { .. }),
                "{base}: {error:?}"
            );
        }
    }
}

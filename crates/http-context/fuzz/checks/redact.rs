//! What must be so of a redacted URL, whatever the URL: told by the readers of the crate `url`, and
//! not by the code that redacts.

use std::borrow::Cow;

use http_context::Redaction;
use url::{Url, form_urlencoded};

const SECRET: [&str; 8] = [
    "X-Amz-Signature",
    "X-Amz-Credential",
    "X-Amz-Security-Token",
    "AWSAccessKeyId",
    "Signature",
    "sig",
    "X-Goog-Signature",
    "of-the-test",
];

/// Redacts what is a URL, and looks at what comes out.
pub(crate) fn check(text: &str) {
    let Ok(url) = Url::parse(text) else { return };
    let redaction = Redaction::default().also(["of-the-test"]);
    let redacted = redaction.redact(&url);
    let had_user_info = !url.username().is_empty() || url.password().is_some();
    let had_opaque = opaque_user_info(&url).is_some_and(|user_info| user_info != USER_INFO);
    let had_secrets = has_secrets(url.query()) || has_secrets(url.fragment());
    assert_eq!(
        matches!(redacted, Cow::Owned(_)),
        had_user_info || had_opaque || had_secrets,
        "what has no secrets is not touched, and what has some is: {url}"
    );
    if had_user_info {
        let user_info = (redacted.username(), redacted.password());
        assert_eq!(user_info, ("REDACTED", Some("REDACTED")), "{redacted}");
    }
    if had_opaque {
        assert_eq!(opaque_user_info(&redacted), Some(USER_INFO), "{redacted}");
    }
    assert!(!has_secrets(redacted.query()), "{redacted}");
    assert!(!has_secrets(redacted.fragment()), "{redacted}");
    let rest = |url: &Url| {
        let names = |pairs: Option<&str>| pairs.map(names_of);
        (
            url.scheme().to_owned(),
            url.host_str().map(str::to_owned),
            url.port(),
            path_of(url).to_owned(),
            names(url.query()),
            names(url.fragment()),
        )
    };
    assert_eq!(rest(&redacted), rest(&url), "the rest stays as it is");
    assert_eq!(redaction.redact(&redacted).as_str(), redacted.as_str());
    Url::parse(redacted.as_str()).expect("it is a URL still");
    let written = redaction.redact_text(url.as_str());
    assert_eq!(redaction.redact_text(&written), written);
    if had_user_info {
        // Read as a URL it may be another one: a value that is replaced may have had what ends its host.
        let begins = format!("{}://{USER_INFO}@", url.scheme());
        assert!(written.starts_with(&begins), "{written}");
    }
    if let Ok(written) = Url::parse(&written) {
        assert!(!are_written(written.query()), "{written}");
        assert!(!are_written(written.fragment()), "{written}");
    }
    let all = Redaction::default()
        .all_query_values()
        .redact(&url)
        .into_owned();
    for (name, value) in all.query_pairs() {
        assert!(value.is_empty() || value == "REDACTED", "{name} in {all}");
    }
}

const USER_INFO: &str = "REDACTED:REDACTED";

/// What stands before the host in a URL whose scheme is its user name.
fn opaque_user_info(url: &Url) -> Option<&str> {
    let is_opaque = url.cannot_be_a_base() && url.scheme() != "mailto";
    let user_info = is_opaque.then(|| url.path().rsplit_once('@')).flatten();
    user_info.map(|(user_info, _)| user_info)
}

fn path_of(url: &Url) -> &str {
    let path = url.path();
    opaque_user_info(url).map_or(path, |user_info| &path[user_info.len()..])
}

/// What a text may have after a URL that is not of it.
const CLOSING: [char; 10] = [')', ']', '}', '\'', '`', '\\', ',', ';', ':', '.'];

fn has_secrets(pairs: Option<&str>) -> bool {
    has_secrets_that(pairs, |value| value != "REDACTED")
}

/// What a text shows of a secret: nothing, but for what may stand after the URL in it.
fn are_written(pairs: Option<&str>) -> bool {
    has_secrets_that(pairs, |value| {
        let rest = value.strip_prefix("REDACTED").unwrap_or(value);
        !rest.trim_end_matches(CLOSING).is_empty()
    })
}

fn has_secrets_that(pairs: Option<&str>, is_open: impl Fn(&str) -> bool) -> bool {
    // One without `=` has no value to be secret.
    let mut pairs = pairs
        .unwrap_or_default()
        .split('&')
        .filter(|pair| pair.contains('='));
    pairs.any(|pair| {
        let (name, value) = form_urlencoded::parse(pair.as_bytes())
            .next()
            .expect("a pair is there");
        is_open(&value)
            && SECRET
                .iter()
                .any(|secret| name.eq_ignore_ascii_case(secret))
    })
}

fn names_of(pairs: &str) -> Vec<String> {
    let name = |pair: &str| pair.split('=').next().unwrap_or_default().to_owned();
    pairs.split('&').map(name).collect()
}

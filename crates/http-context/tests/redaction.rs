//! Redaction by property: no secret survives in any position, and nothing else changes.

#[path = "../fuzz/checks/redact.rs"]
mod check;

use std::borrow::Cow;

use http_context::Redaction;
use proptest::prelude::*;
use url::Url;

/// The alphabet has it nowhere else.
const MARK: &str = "QZQ";

/// A secret, with what URLs have in them.
fn secret() -> impl Strategy<Value = String> {
    "[a-z0-9%2F+/=._~-]{0,12}".prop_map(|rest| format!("{MARK}{rest}"))
}

/// The name of a signing parameter, in any case, with some of it percent-encoded.
fn secret_name() -> impl Strategy<Value = String> {
    let names = prop::sample::select(vec![
        "X-Amz-Signature",
        "X-Amz-Credential",
        "X-Amz-Security-Token",
        "AWSAccessKeyId",
        "Signature",
        "sig",
        "X-Goog-Signature",
    ]);
    let changes = prop::collection::vec(0..3u8, 32);
    (names, changes).prop_map(|(name, changes)| {
        let spelled = name.chars().zip(changes).map(|(c, change)| match change {
            0 => c.to_string(),
            1 if c.is_ascii_lowercase() => c.to_ascii_uppercase().to_string(),
            1 => c.to_ascii_lowercase().to_string(),
            _ => format!("%{:02x}", u32::from(c)),
        });
        spelled.collect()
    })
}

/// A pair without a secret.
fn plain_pair() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-h]{0,4}=[a-z0-9%20+']{0,6}",
        "[a-h]{0,4}",
        Just(String::new()),
    ]
}

fn pairs(secrets: bool) -> impl Strategy<Value = String> {
    let pair = if secrets {
        let secret_pair =
            (secret_name(), secret()).prop_map(|(name, value)| format!("{name}={value}"));
        prop_oneof![plain_pair(), secret_pair].boxed()
    } else {
        plain_pair().boxed()
    };
    prop::collection::vec(pair, 0..5).prop_map(|pairs| pairs.join("&"))
}

fn user_info() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        secret().prop_map(|user| format!("{}@", escaped(&user))),
        secret().prop_map(|password| format!(":{}@", escaped(&password))),
        (secret(), secret()).prop_map(|(u, p)| format!("{}:{}@", escaped(&u), escaped(&p))),
    ]
}

/// A slash would end the authority.
fn escaped(text: &str) -> String {
    text.replace('/', "%2F")
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        rng_seed: proptest::test_runner::RngSeed::Fixed(0),
        ..ProptestConfig::with_cases(2_000)
    })]

    #[test]
    fn no_secret_survives_in_any_position(
        user_info in user_info(),
        port in prop_oneof![Just(""), Just(":8080")],
        path in "[a-z/%20]{0,8}",
        query in pairs(true),
        fragment in pairs(true),
    ) {
        let text = format!("https://{user_info}host{port}/{path}?{query}#{fragment}");
        if let Ok(url) = Url::parse(&text) {
            let redacted = Redaction::default().redact(&url);
            prop_assert!(!redacted.as_str().to_uppercase().contains(MARK), "{text} gives {redacted}");
        }
        check::check(&text);
    }

    #[test]
    fn a_url_without_secrets_comes_out_byte_for_byte(
        path in "[a-z/%20'\"<> ]{0,8}",
        query in pairs(false),
        fragment in pairs(false),
    ) {
        let text = format!("https://host/{path}?{query}#{fragment}");
        if let Ok(url) = Url::parse(&text) {
            let before = url.as_str().to_owned();
            let redaction = Redaction::default();
            let redacted = redaction.redact(&url);
            prop_assert!(matches!(redacted, Cow::Borrowed(_)), "{text}");
            prop_assert_eq!(redacted.as_str(), before);
        }
    }
}

//! The secrets that are known where an error is made.

use std::borrow::Cow;
use std::error::Error as StdError;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use url::Url;

use super::chain::chain;
use super::redact::{REDACTED, Redaction};
use super::redact_text::and_then;

/// One that is shorter is only found as a word, so that it does not tear others apart.
const SHORT: usize = 6;

/// What must not be in a text: what [`Redaction::redact_text`] finds, and the secrets that a
/// request was made with, wherever they stand, in whatever way they are written.
pub(crate) struct Secrets<'r> {
    redaction: &'r Redaction,
    /// The longest first, since a shorter one may be a part of it.
    known: Vec<String>,
}

impl<'r> Secrets<'r> {
    pub(crate) fn new(redaction: &'r Redaction) -> Self {
        Self {
            redaction,
            known: Vec::new(),
        }
    }

    /// Adds those of a URL.
    pub(crate) fn of_url(mut self, url: &Url) -> Self {
        let redaction = self.redaction;
        redaction.for_each_secret(url, |secret| self.add(secret));
        self
    }

    /// Adds what a header proves who somebody is with: `Basic …`, `Bearer …`, or a cookie.
    pub(crate) fn of_credentials(mut self, value: &HeaderValue) -> Self {
        let value = String::from_utf8_lossy(value.as_bytes());
        self.add(&value);
        if let Some((scheme, credentials)) = value.split_once(' ') {
            self.add(credentials.trim());
            if scheme.eq_ignore_ascii_case("basic")
                && let Ok(decoded) = STANDARD.decode(credentials.trim())
            {
                let decoded = String::from_utf8_lossy(&decoded);
                self.add(&decoded);
                // The user name of a URL may have one in it.
                for (at, _) in decoded.match_indices(':') {
                    self.add(&decoded[..at]);
                    self.add(&decoded[at + 1..]);
                }
            }
        }
        for (_, cookie) in value.split(';').filter_map(|pair| pair.split_once('=')) {
            self.add(cookie.trim());
        }
        self
    }

    fn add(&mut self, secret: &str) {
        let spellings = spellings(secret).into_iter();
        // What is a part of the mark is not seen in it.
        let seen = spellings.filter(|one| !one.is_empty() && !REDACTED.contains(one.as_str()));
        self.known.extend(seen);
        self.known.sort_by(|a, b| (b.len(), b).cmp(&(a.len(), a)));
        self.known.dedup();
    }

    /// Adds those of the URLs that the errors of a chain have.
    pub(crate) fn of_chain(self, error: &(dyn StdError + 'static)) -> Self {
        let errors = chain(error).filter_map(|error| error.downcast_ref::<reqwest::Error>());
        let urls = errors.filter_map(reqwest::Error::url);
        urls.fold(self, Self::of_url)
    }

    /// The same text without them; borrowed when there are none in it.
    pub(crate) fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let redacted = self.redaction.redact_text(text);
        self.known.iter().fold(redacted, |text, secret| {
            and_then(text, |text| replace(text, secret))
        })
    }
}

/// How a secret may be written: as it stands in the URL, decoded, encoded again, and quoted.
fn spellings(secret: &str) -> Vec<String> {
    let decoded = decode_value(secret);
    let plus = decode_value(&secret.replace('+', "%2B"));
    let mut all = vec![secret.to_owned()];
    for plain in [secret, &decoded, &plus] {
        let form: String = url::form_urlencoded::byte_serialize(plain.as_bytes()).collect();
        let strict: String = plain.bytes().map(percent_encoded).collect();
        all.extend([form.replace('+', "%20"), form, strict, plain.to_owned()]);
    }
    for encoded in all.clone() {
        if encoded.contains('%') {
            all.extend([
                hex(&encoded, u8::to_ascii_lowercase),
                hex(&encoded, u8::to_ascii_uppercase),
            ]);
        }
        // As it stands in the `Debug` of a text, of one inside of that, and once more.
        let mut quoted = encoded;
        for _ in 0..3 {
            let again = format!("{quoted:?}");
            // Without the quotes around it.
            again[1..again.len() - 1].clone_into(&mut quoted);
            all.push(quoted.clone());
        }
    }
    all
}

fn decode_value(secret: &str) -> String {
    let pair = format!("={}", secret.replace('&', "%26"));
    let mut pairs = url::form_urlencoded::parse(pair.as_bytes());
    pairs
        .next()
        .map_or_else(String::new, |(_, value)| value.into_owned())
}

fn percent_encoded(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() {
        char::from(byte).to_string()
    } else {
        format!("%{byte:02X}")
    }
}

/// The same text with its hexadecimal digits in the other case.
fn hex(text: &str, change: fn(&u8) -> u8) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for at in 0..bytes.len() {
        if bytes[at] == b'%' {
            for digit in bytes.iter_mut().skip(at + 1).take(2) {
                *digit = change(digit);
            }
        }
    }
    // Only ASCII letters have changed.
    String::from_utf8(bytes).unwrap_or_default()
}

fn replace<'t>(text: &'t str, secret: &str) -> Cow<'t, str> {
    let is_short = secret.chars().count() < SHORT;
    let is_part = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    let (mut whole, mut end) = (String::new(), 0);
    for (at, found) in text.match_indices(secret) {
        let (before, after) = (&text[..at], &text[at + found.len()..]);
        let is_in_word = (is_part(before.chars().next_back()) && !ends_escaped(before))
            || is_part(after.chars().next());
        if is_short && is_in_word {
            continue;
        }
        whole.push_str(&text[end..at]);
        whole.push_str(REDACTED);
        end = at + found.len();
    }
    if end == 0 {
        return text.into();
    }
    whole.push_str(&text[end..]);
    whole.into()
}

/// Whether a text ends with an escaped character, such as `%3D`.
fn ends_escaped(text: &str) -> bool {
    let bytes = text.as_bytes();
    matches!(bytes, [.., b'%', a, b] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redacted(url: &str, text: &str) -> String {
        let redaction = Redaction::default();
        let secrets = Secrets::new(&redaction).of_url(&Url::parse(url).unwrap());
        secrets.redact(text).into_owned()
    }

    #[test]
    fn a_known_secret_is_found_however_it_is_written() {
        let url = "http://me%2Fyou:p%40%22ss@host/?sig=a%2fb%20c+d%2be&signature=k-eY%2F1.2_3";
        for secret in [
            "me%2Fyou",
            "me/you",
            "me%2fyou",
            "p%40%22ss",
            "p@\"ss",
            "p@\\\"ss",
            "a%2fb%20c+d%2be",
            "a%2Fb%20c%20d%2Be",
            "a%2Fb+c+d%2Be",
            "a/b c d+e",
            "a%252fb%2520c%2Bd%252be",
            "k-eY%2f1.2_3",
            "k%2DeY%2F1%2E2%5F3",
        ] {
            assert_eq!(
                redacted(url, &format!("«{secret}»")),
                "«REDACTED»",
                "{secret}"
            );
        }
    }

    #[test]
    fn the_credentials_of_a_request_are_found_decoded_and_one_by_one() {
        let redaction = Redaction::default();
        for (header, text) in [
            (
                "Basic bWU6cGFzc3dvcmQ=",
                "bWU6cGFzc3dvcmQ= password me:password",
            ),
            ("Bearer the-token", "the-token, Bearer the-token"),
            ("a=session-id; b=c", "session-id"),
        ] {
            let value = HeaderValue::from_static(header);
            let secrets = Secrets::new(&redaction).of_credentials(&value);
            let redacted = secrets.redact(text).into_owned();
            let left = redacted.replace("REDACTED", "");
            assert!(
                !left.contains(char::is_alphanumeric),
                "{header}: {redacted}"
            );
        }
    }

    #[test]
    fn a_short_secret_is_found_as_a_word_and_leaves_others_alone() {
        let url = "http://host/?sig=ab";
        assert_eq!(
            redacted(url, "ab, cab (ab)%3Dab"),
            "REDACTED, cab (REDACTED)%3DREDACTED"
        );
        let longer = "http://host/?sig=abcdef";
        assert_eq!(redacted(longer, "xabcdefx"), "xREDACTEDx");
        assert_eq!(
            redacted("http://host/?sig=RED", "RED REDACTED"),
            "RED REDACTED"
        );
    }

    #[test]
    fn of_two_secrets_the_one_inside_the_other_does_not_spare_the_rest() {
        let url = "http://secret:secret-and-more@host/";
        assert_eq!(redacted(url, "secret-and-more secret"), "REDACTED REDACTED");
    }
}

//! Finds the secrets of URLs in texts that others wrote.

use std::borrow::Cow;

use super::redact::{REDACTED, Redaction, USER_INFO};

/// What ends a URL in a text.
fn ends_url(c: char) -> bool {
    c.is_whitespace() || matches!(c, '"' | '<' | '>')
}

/// What ends the name of a parameter, read backwards from its `=`.
fn ends_name(c: char) -> bool {
    ends_url(c)
        || matches!(
            c,
            '?' | '&' | '#' | ';' | ',' | '\'' | '(' | '{' | '|' | '/' | '=' | '`'
        )
}

/// What a text puts after a URL, and is not taken for the end of its last value.
const CLOSING: &[char] = &[')', ']', '}', '\'', '`', '\\', ',', ';', ':', '.'];

impl Redaction {
    /// The same text without the secrets of URLs in it; borrowed when there are none.
    ///
    /// It goes by what a text looks like: user info before an `@`, the values of secret parameters
    /// wherever `name=value` stands, and of headers with credentials wherever `name: value` does. So
    /// it also finds them where the text around is no URL that can be parsed.
    ///
    /// ```
    /// use http_context::Redaction;
    ///
    /// let text = "no answer from (https://user:pw@host/p?sig=abc), try again";
    /// assert_eq!(
    ///     Redaction::default().redact_text(text),
    ///     "no answer from (https://REDACTED:REDACTED@host/p?sig=REDACTED), try again",
    /// );
    /// ```
    pub fn redact_text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        // Most of what is no URL has none of these, and no secret then.
        if !text.contains(['/', ':', '=']) {
            return text.into();
        }
        let text = replace(text, user_infos(text));
        let text = and_then(text, |text| replace(text, url_fields(text)));
        let mut text = and_then(text, |text| replace(text, credentials(text)));
        while let Cow::Owned(changed) = replace(&text, self.values(&text)) {
            // A value that is gone may have had in it what ended an authority: there may be user info now.
            text = match replace(&changed, user_infos(&changed)) {
                Cow::Owned(further) => further.into(),
                Cow::Borrowed(_) => changed.into(),
            };
        }
        text
    }

    /// Where the values of secret parameters stand.
    fn values<'t>(&self, text: &'t str) -> impl Iterator<Item = Found<'t>> {
        text.match_indices('=')
            .filter_map(|(at, _)| self.value(text, at))
    }

    /// Where the value of a secret parameter stands whose `=` this is.
    fn value<'t>(&self, text: &'t str, at: usize) -> Option<Found<'t>> {
        let before = &text[..at];
        let token = before.rfind(ends_url).map_or(0, |end| after(text, end));
        let token = &before[token..];
        let name = token.rfind(ends_name).map_or(0, |end| after(token, end));
        // A name may have in it what ends one elsewhere.
        let wide = token.rfind(['?', '&', '#']).map(|end| end + 1);
        let in_query = || wide.is_some() || is_field(before, token.len());
        let is_secret = self.is_secret(&token[name..])
            || wide.is_some_and(|name| self.is_secret(&token[name..]))
            || (self.has_all_values() && in_query());
        if !is_secret {
            return None;
        }
        let from = at + 1;
        // In a fragment it is a character as others.
        let ends_at_hash = !token.contains('#');
        let ends = |c: char| ends_url(c) || c == '&' || (c == '#' && ends_at_hash);
        let rest = &text[from..];
        let end = rest.find(ends).unwrap_or(rest.len());
        let mut value = &rest[..end];
        if !rest[end..].starts_with(['&', '#']) {
            value = value.trim_end_matches(CLOSING);
        }
        Some(Found {
            from,
            value,
            by: REDACTED,
        })
    }
}

/// A part of a text, and what to put in its place.
struct Found<'t> {
    from: usize,
    value: &'t str,
    by: &'static str,
}

/// Where user info stands, by the `//` before it.
fn user_infos(text: &str) -> impl Iterator<Item = Found<'_>> {
    text.match_indices("//").filter_map(|(at, slashes)| {
        // Elsewhere in a path it begins no authority.
        let begins = text[..at].chars().next_back().is_none_or(|before| {
            before == ':' || !(before.is_alphanumeric() || "/._~-%)".contains(before))
        });
        let from = at + slashes.len();
        let rest = &text[from..];
        let backslash_ends = takes_backslashes_for_slashes(&text[..at]);
        let end = rest.char_indices().find(|(at, c)| match c {
            // One before a quote is of the text around.
            '\\' => backslash_ends || rest[at + 1..].starts_with(['"', '\'']),
            c => ends_url(*c) || matches!(c, '/' | '?' | '#'),
        });
        let authority = end.map_or(rest, |(end, _)| &rest[..end]);
        let end = authority.rfind('@').filter(|_| begins)?;
        Some(Found {
            from,
            value: &authority[..end],
            by: USER_INFO,
        })
    })
}

/// Whether a backslash ends the authority of a URL that begins with this, as in those of the web: elsewhere it may be
/// in a password.
fn takes_backslashes_for_slashes(before: &str) -> bool {
    let Some(before) = before.strip_suffix(':') else {
        return true;
    };
    let is_of_scheme = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    let scheme = before.trim_end_matches(is_of_scheme).len();
    let special = ["http", "https", "ws", "wss", "ftp", "file"];
    special
        .iter()
        .any(|known| known.eq_ignore_ascii_case(&before[scheme..]))
}

/// Where the user name and the password of a parsed URL stand, as its `Debug` shows them.
fn url_fields(text: &str) -> impl Iterator<Item = Found<'_>> {
    let fields = ["username: \"", "password: Some(\"", "username: Some(\""];
    fields.into_iter().flat_map(move |field| {
        text.match_indices(field).map(move |(at, _)| {
            let from = at + field.len();
            let value = &text[from..];
            let value = value.find('"').map_or(value, |end| &value[..end]);
            Found {
                from,
                value,
                by: REDACTED,
            }
        })
    })
}

/// The headers whose values are credentials, or tell about them.
const HEADERS: [&str; 7] = [
    "proxy-authorization",
    "authorization",
    "proxy-authenticate",
    "www-authenticate",
    "authentication-info",
    "set-cookie",
    "cookie",
];

/// Where the values of headers with credentials stand: `name: value`, quoted or not.
fn credentials(text: &str) -> impl Iterator<Item = Found<'_>> {
    // As long as the text, and with the same places in it.
    let lower = text.to_ascii_lowercase();
    let quotes: &[char] = &['\\', '"', '\''];
    let mut found = Vec::new();
    for name in HEADERS {
        for (at, _) in lower.match_indices(name) {
            let rest = text[at + name.len()..].trim_start_matches(quotes);
            let Some(rest) = rest.trim_start().strip_prefix(':') else {
                continue;
            };
            let rest = rest.trim_start_matches(' ').trim_start_matches(quotes);
            let value = rest
                .find(['"', '\n', '\r'])
                .map_or(rest, |end| &rest[..end]);
            let value = value.trim_end_matches('\\');
            let from = text.len() - rest.len();
            // What is marked as sensitive shows nothing of itself, and stands without quotes.
            let is_hidden = !text[..from].ends_with(quotes)
                && value
                    .strip_prefix("Sensitive")
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with([',', '}', ' ']));
            if !is_hidden {
                found.push(Found {
                    from,
                    value,
                    by: REDACTED,
                });
            }
        }
    }
    found.into_iter()
}

/// Whether a token is the query or the fragment of a parsed URL, as its `Debug` shows them.
fn is_field(before: &str, token: usize) -> bool {
    let before = &before[..before.len() - token];
    ["query: Some(\"", "fragment: Some(\""]
        .iter()
        .any(|field| before.ends_with(field))
}

/// Puts in what belongs there in place of each part that is not empty and not in place already.
fn replace<'t>(text: &'t str, found: impl Iterator<Item = Found<'t>>) -> Cow<'t, str> {
    let mut found: Vec<_> = found
        .filter(|found| !found.value.is_empty() && found.value != found.by)
        .collect();
    if found.is_empty() {
        return text.into();
    }
    found.sort_by_key(|found| found.from);
    let (mut whole, mut end) = (String::with_capacity(text.len()), 0);
    for Found { from, value, by } in found {
        // One that stands inside the one before is gone with it.
        if from >= end {
            whole.push_str(&text[end..from]);
            whole.push_str(by);
        }
        end = end.max(from + value.len());
    }
    whole.push_str(&text[end..]);
    whole.into()
}

/// Where the character that begins at `at` ends.
fn after(text: &str, at: usize) -> usize {
    at + text[at..].chars().next().map_or(0, char::len_utf8)
}

/// Changes a text further.
pub(super) fn and_then<'t>(
    text: Cow<'t, str>,
    change: impl for<'c> Fn(&'c str) -> Cow<'c, str>,
) -> Cow<'t, str> {
    match text {
        Cow::Borrowed(text) => change(text),
        Cow::Owned(text) => Cow::Owned(match change(&text) {
            Cow::Borrowed(_) => text,
            Cow::Owned(changed) => changed,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_without_secrets_comes_out_unchanged() {
        for text in [
            "",
            "a = b, mail me@host, 3//4@5, sig, =, ?=&",
            "error for url (https://host/@scope/p?a=1&b=2#c)",
            "https://REDACTED:REDACTED@host/?sig=REDACTED#x (http://h/?sig=REDACTED).",
            "http://host\\p@x",
            "\"db://host\\\", me@x",
            "no cookies, {\"authorization\": Sensitive}, {\"cookie\": \"REDACTED\"}",
            "Url { username: \"\", password: None, query: Some(\"a=1\") }",
        ] {
            let redacted = Redaction::default().redact_text(text);
            assert!(matches!(redacted, Cow::Borrowed(_)), "{text}");
        }
    }

    #[test]
    fn secrets_are_replaced_wherever_they_stand_in_a_text() {
        for (text, expected) in [
            ("http://u:p@h/", "http://REDACTED:REDACTED@h/"),
            ("to //u:p@h/x", "to //REDACTED:REDACTED@h/x"),
            ("(x://a@b@h)", "(x://REDACTED:REDACTED@h)"),
            ("GET /p?sig=a&b=1.", "GET /p?sig=REDACTED&b=1."),
            ("Signature=a, b", "Signature=REDACTED, b"),
            ("'/?x=1#s%69g=a#b'", "'/?x=1#s%69g=REDACTED'"),
            ("\"/?SIG=a\\\" b\"", "\"/?SIG=REDACTED\\\" b\""),
            ("?sig=REDACTED.x", "?sig=REDACTED"),
            ("Cookie: a=b; c=d\nx", "Cookie: REDACTED\nx"),
            (
                "{\"authorization\": \"Bearer a b\", \"x\": \"y\"}",
                "{\"authorization\": \"REDACTED\", \"x\": \"y\"}",
            ),
            ("`?sig=a`b`, ?sig=a).&", "`?sig=REDACTED`, ?sig=REDACTED&"),
            (
                "(sig=a) x;sig=b, {sig=c}",
                "(sig=REDACTED) x;sig=REDACTED, {sig=REDACTED}",
            ),
            ("x\u{3000}sig=a\u{3000}b", "x\u{3000}sig=REDACTED\u{3000}b"),
            ("db://u:p\\w@h/x", "db://REDACTED:REDACTED@h/x"),
            ("x://h&sig=a/?b&c@d", "x://REDACTED:REDACTED@d"),
            (
                "username: \"a\", password: Some(\"b\"), query: Some(\"x=1&sig=c\")",
                "username: \"REDACTED\", password: Some(\"REDACTED\"), \
                 query: Some(\"x=1&sig=REDACTED\")",
            ),
        ] {
            assert_eq!(Redaction::default().redact_text(text), expected);
        }
    }

    #[test]
    fn a_longer_list_holds_in_texts_and_all_values_only_where_a_query_is() {
        let also = Redaction::default().also(["a/b"]);
        assert_eq!(also.redact_text("h?x=1&a/b=2"), "h?x=1&a/b=REDACTED");
        let all = Redaction::default().all_query_values();
        assert_eq!(
            all.redact_text("n=1 h/?a=2&b/c=3 query: Some(\"d=4\")"),
            "n=1 h/?a=REDACTED&b/c=REDACTED query: Some(\"d=REDACTED\")"
        );
    }
}

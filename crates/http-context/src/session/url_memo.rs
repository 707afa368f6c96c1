//! URLs that were parsed on this thread, so that most need not be parsed again.
//!
//! To parse a URL takes a tenth of what a whole request takes, most of it for the host. Nearly every
//! URL has the host of one before it, and many are one before.

use std::cell::RefCell;

use reqwest::Url;
use url::Position;

/// So many hosts are remembered by a thread.
const MOST: usize = 8;

thread_local! {
    static PARSED: RefCell<UrlMemo> = RefCell::default();
}

/// The same as [`Url::parse`].
pub(super) fn parse(text: &str) -> Option<Url> {
    // Of a thread that ends nothing is left.
    let parsed = PARSED.try_with(|memo| memo.borrow_mut().parse(text));
    parsed.unwrap_or_else(|_| Url::parse(text).ok())
}

/// The last URL of each of the last hosts. None has user information, and none a query, since that is
/// where secrets are.
#[derive(Default)]
struct UrlMemo {
    known: Vec<Known>,
    /// Which one is forgotten next.
    oldest: usize,
}

struct Known {
    url: Url,
    /// How long its scheme, host and port are.
    origin: usize,
}

impl UrlMemo {
    fn parse(&mut self, text: &str) -> Option<Url> {
        for known in &mut self.known {
            if let Some(url) = known.parse(text) {
                return Some(url);
            }
        }
        let url = Url::parse(text).ok()?;
        if let Some(known) = Known::of(&url) {
            self.remember(known);
        }
        Some(url)
    }

    fn remember(&mut self, known: Known) {
        if self.known.len() < MOST {
            self.known.push(known);
        } else {
            self.known[self.oldest] = known;
            self.oldest = (self.oldest + 1) % MOST;
        }
    }
}

impl Known {
    fn of(url: &Url) -> Option<Self> {
        let is_http = matches!(url.scheme(), "http" | "https");
        let has_user = !url.username().is_empty() || url.password().is_some();
        if !is_http || has_user {
            return None;
        }
        let mut url = url.clone();
        url.set_query(None);
        url.set_fragment(None);
        let origin = url[..Position::BeforePath].len();
        Some(Self { url, origin })
    }

    /// A URL that is this one, or another of its host; `None` of all else.
    fn parse(&mut self, text: &str) -> Option<Url> {
        let known = self.url.as_str();
        let path = text.strip_prefix(&known[..self.origin])?;
        if path == &known[self.origin..] {
            return Some(self.url.clone());
        }
        // A second slash would begin a host, and so it would where the parser overlooks what is
        // between the two.
        let is_path = match path.as_bytes() {
            [b'/', second, ..] => !matches!(second, b'/' | b'\\' | b'\t' | b'\n' | b'\r'),
            path => path == b"/",
        };
        if !is_path {
            return None;
        }
        let url = self.url.join(path).ok()?;
        if url.query().is_none() && url.fragment().is_none() {
            self.url.clone_from(&url);
        }
        Some(url)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn assert_parsed_as_ever(memo: &mut UrlMemo, text: &str) {
        let (parsed, expected) = (memo.parse(text), Url::parse(text).ok());
        assert_eq!(parsed, expected, "{text:?}");
        // Also in what is not compared: where its parts begin.
        let parts = |url: &Url| {
            let host = url.host_str().map(str::to_owned);
            (host, url.port(), url.path().to_owned())
        };
        assert_eq!(parsed.as_ref().map(parts), expected.as_ref().map(parts));
    }

    #[test]
    fn what_looks_like_a_path_and_begins_a_host_is_none() {
        let mut memo = UrlMemo::default();
        for text in [
            "http://a/",
            "http://a//b/c",
            "http://a/\\b/c",
            "http://a/\t/b/c",
            "http://a/\n\\b",
            "http://a\\\\b",
            "http://a",
            "http://a?b",
            "http://a#b",
            "http://a:80/",
            "http://a@b/",
            "http://a.b/",
            "http://a/ ",
            "http://a/../b?c#d",
            "http://a/%2e%2e/b",
            "http://user@a/",
            "https://a/",
            "ftp://a/",
            "data:a",
            "a",
            "",
        ] {
            assert_parsed_as_ever(&mut memo, text);
        }
    }

    #[test]
    fn nothing_is_kept_of_where_secrets_are() {
        let mut memo = UrlMemo::default();
        for text in [
            "http://a/b?sig=secret",
            "http://a/c?sig=secret#secret",
            "http://user:secret@a/",
            "http://secret@b/",
        ] {
            assert_parsed_as_ever(&mut memo, text);
        }
        let kept: Vec<_> = memo.known.iter().map(|known| known.url.as_str()).collect();
        assert_eq!(kept, ["http://a/b"]);
    }

    #[test]
    fn hosts_are_forgotten_one_after_the_other() {
        let mut memo = UrlMemo::default();
        for n in 0..100 {
            assert_parsed_as_ever(&mut memo, &format!("http://host{n}/"));
        }
        assert_eq!(memo.known.len(), MOST);
        assert_parsed_as_ever(&mut memo, "http://host99/a");
        assert_eq!(memo.known.len(), MOST);
        assert!(memo.known.iter().any(|one| one.url.path() == "/a"));
        let last = |one: &Known| {
            one.url
                .host_str()
                .is_some_and(|host| host.starts_with("host9"))
        };
        assert!(memo.known.iter().all(last), "the last {MOST} are there");
    }

    proptest! {
        #[test]
        fn urls_are_parsed_as_ever(texts in prop::collection::vec(
            "(http|https|HTTP|ftp|)(:|)(//|/|\\\\|)(u@|u:p@|)(a|b|A|127\\.1|\\[::1\\]|ä|)(:80|:443|:81|)\
            (/|//|\\\\|)[a.%/\\\\\t\n ?#@:é-]{0,6}",
            1..20,
        )) {
            let mut memo = UrlMemo::default();
            for text in texts {
                assert_parsed_as_ever(&mut memo, &text);
            }
        }
    }
}

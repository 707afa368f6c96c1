//! `http.request.method`.

use reqwest::Method;

use crate::attribute::OTHER;

/// The methods that the OpenTelemetry conventions know, by RFC 9110, RFC 5789 and the QUERY draft.
const KNOWN: [&str; 10] = [
    "GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS", "QUERY", "CONNECT", "TRACE",
];

/// A known method, or `_OTHER`: an index into tables of handles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct KnownMethod(u8);

impl KnownMethod {
    /// How many there are, `_OTHER` included.
    pub(crate) const COUNT: usize = KNOWN.len() + 1;

    pub(crate) fn of(method: &Method) -> Self {
        let text = method.as_str();
        let index = KNOWN.iter().position(|known| *known == text);
        #[allow(clippy::cast_possible_truncation, reason = "there are eleven")]
        Self(index.unwrap_or(KNOWN.len()) as u8)
    }

    pub(crate) fn index(self) -> usize {
        usize::from(self.0)
    }

    pub(crate) fn as_str(self) -> &'static str {
        KNOWN.get(self.index()).copied().unwrap_or(OTHER)
    }

    pub(crate) fn is_other(self) -> bool {
        self.index() == KNOWN.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_methods_are_other_and_methods_are_case_sensitive() {
        for (method, expected) in [("GET", "GET"), ("PURGE", "_OTHER"), ("get", "_OTHER")] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            assert_eq!(KnownMethod::of(&method).as_str(), expected);
        }
    }
}

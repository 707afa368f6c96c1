//! The allow-list of headers on spans. Secret headers are never exported.

use http::{HeaderMap, HeaderName};

use crate::extensions::{AttributeValue, SpanAttribute};

/// Never exported, even when listed.
const NEVER: [&str; 6] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
    "www-authenticate",
    "proxy-authenticate",
];

/// Headers to show on spans, with the names of their attributes.
#[derive(Clone, Debug, Default)]
pub(crate) struct HeaderList(Vec<(HeaderName, String)>);

impl HeaderList {
    /// Adds names. Secret headers and invalid names are skipped.
    pub(crate) fn allow<'n>(&mut self, side: &str, names: impl IntoIterator<Item = &'n str>) {
        for name in names {
            let name = name.to_ascii_lowercase();
            if NEVER.contains(&name.as_str()) {
                tracing::warn!(
                    target: "http_context",
                    header = name,
                    "this header is never exported: the allow-list ignores it"
                );
            } else if let Ok(header) = HeaderName::try_from(&name) {
                self.0.push((header, format!("http.{side}.header.{name}")));
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn attributes<'h>(
        &'h self,
        headers: &'h HeaderMap,
    ) -> impl Iterator<Item = SpanAttribute> + 'h {
        self.0.iter().filter_map(|(header, attribute)| {
            let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into();
            let values: Vec<String> = headers.get_all(header).iter().map(text).collect();
            (!values.is_empty()).then(|| SpanAttribute {
                name: attribute.clone().into(),
                value: AttributeValue::Texts(values),
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_headers_stay_out_of_the_list() {
        let mut list = HeaderList::default();
        list.allow(
            "request",
            ["X-Request-Id", "Cookie", "AUTHORIZATION", "no name"],
        );
        let mut headers = HeaderMap::new();
        for name in ["x-request-id", "cookie", "authorization", "accept"] {
            headers.insert(name, "value".parse().unwrap());
        }
        let names: Vec<_> = list.attributes(&headers).map(|a| a.name).collect();
        assert_eq!(names, ["http.request.header.x-request-id"]);
    }
}

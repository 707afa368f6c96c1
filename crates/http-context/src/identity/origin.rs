//! A scheme, host and port.

use std::any::Any;
use std::fmt;

use http::Uri;
use reqwest::Url;

use super::attached::Attached;

/// One scheme, host and port that a session talks to.
///
/// A session has one value for each origin, for as long as requests to it come: an observer can keep
/// its own state with it.
pub struct Origin {
    scheme: Box<str>,
    host: Box<str>,
    port: u16,
    attached: Attached,
}

impl Origin {
    /// The scheme, in lower case.
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// The host name or address, without brackets around an IPv6 address.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port; the scheme's default where the URL names none.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Keeps an observer's own state with the origin for as long as the session uses it, unless
    /// there is one of its type. Returns whether it was kept.
    pub fn attach<T: Any + Send + Sync>(&self, state: T) -> bool {
        self.attached.attach(state)
    }

    /// The state of this type that was attached.
    pub fn attached<T: Any>(&self) -> Option<&T> {
        self.attached.get()
    }

    pub(crate) fn key(&self) -> OriginKey<'_> {
        OriginKey {
            scheme: &self.scheme,
            host: &self.host,
            port: self.port,
        }
    }
}

/// Whether two URLs have the same scheme, host and port.
pub(crate) fn is_same_origin(one: &Url, other: &Url) -> bool {
    one.scheme() == other.scheme()
        && one.host() == other.host()
        && one.port_or_known_default() == other.port_or_known_default()
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// `host:port`, with brackets around an IPv6 address.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// What distinguishes origins, borrowed from a URL: a lookup allocates nothing.
#[derive(PartialEq, Eq, Hash)]
pub(crate) struct OriginKey<'u> {
    scheme: &'u str,
    host: &'u str,
    port: u16,
}

impl<'u> OriginKey<'u> {
    pub(crate) fn of(url: &'u Url) -> Self {
        let port = url.port_or_known_default().unwrap_or_default();
        Self::of_parts(url.scheme(), url.host_str().unwrap_or_default(), port)
    }

    /// That of a request as it is sent, whose URI has a scheme and a host.
    pub(crate) fn of_uri(uri: &'u Uri) -> Self {
        let scheme = uri.scheme_str().unwrap_or_default();
        let default = if scheme == "https" { 443 } else { 80 };
        let port = uri.port_u16().unwrap_or(default);
        Self::of_parts(scheme, uri.host().unwrap_or_default(), port)
    }

    /// That of these parts.
    pub(crate) fn of_parts(scheme: &'u str, host: &'u str, port: u16) -> Self {
        Self {
            scheme,
            host: without_brackets(host),
            port,
        }
    }

    pub(crate) fn to_origin(&self) -> Origin {
        Origin {
            scheme: self.scheme.into(),
            host: self.host.into(),
            port: self.port,
            attached: Attached::default(),
        }
    }
}

fn without_brackets(host: &str) -> &str {
    let inner = host.strip_prefix('[');
    inner
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_shown_as_it_stands_in_a_url() {
        for (of, scheme, host, port, shown) in [
            ("http://[::1]:8080/", "http", "::1", 8080, "[::1]:8080"),
            ("https://user@h/a?b", "https", "h", 443, "h:443"),
        ] {
            let origin = OriginKey::of(&Url::parse(of).unwrap()).to_origin();
            let parts = (origin.scheme(), origin.host(), origin.port());
            assert_eq!(parts, (scheme, host, port));
            assert_eq!(origin.to_string(), shown);
        }
    }
}

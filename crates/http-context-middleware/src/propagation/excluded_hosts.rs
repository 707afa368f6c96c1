//! Hosts that get no trace context.

use std::net::IpAddr;

use url::Host;

/// Compared as hosts: without regard to case, the trailing dot of a name, and the brackets of an
/// address. Subdomains are hosts of their own.
#[derive(Clone, Debug, Default)]
pub(crate) struct ExcludedHosts {
    hosts: Vec<Host>,
    /// An entry was not a valid host. To fail closed, all hosts are excluded.
    excludes_all: bool,
}

impl ExcludedHosts {
    pub(crate) fn add(&mut self, host: &str) {
        let Some(host) = parse(host) else {
            tracing::warn!(
                target: "http_context",
                host,
                "a host to exclude from propagation is invalid, so no request carries trace \
                 context: give the name or the address without scheme and port"
            );
            self.excludes_all = true;
            return;
        };
        self.hosts.push(host);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.hosts.is_empty() && !self.excludes_all
    }

    /// Whether the host of a URL is excluded. An invalid one is, to fail closed.
    pub(crate) fn contains(&self, host: &str) -> bool {
        if self.excludes_all {
            return true;
        }
        if is_plain_name(host) {
            let is_it = |excluded: &Host| matches!(excluded, Host::Domain(name) if name == host);
            return self.hosts.iter().any(is_it);
        }
        parse(host).is_none_or(|host| self.hosts.contains(&host))
    }
}

/// Whether it is a name that parsing would leave as it is, which most are that come from a URL: letters
/// in lower case, in labels that are no encoded ones, of which the last one is no number.
fn is_plain_name(host: &str) -> bool {
    let is_plain = |label: &str| {
        let is_plain = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9');
        // Encoded ones have two of them.
        let is_hyphen = |pair: &[u8]| pair[0] == b'-' && pair[1] != b'-';
        let bytes = label.as_bytes();
        let mut pairs = bytes.windows(2);
        bytes.first().is_some_and(|&byte| is_plain(byte))
            && bytes.last().is_some_and(|&byte| is_plain(byte))
            && pairs.all(|pair| is_plain(pair[0]) || is_hyphen(pair))
    };
    let last = host.rsplit('.').next().unwrap_or_default();
    last.starts_with(|first: char| first.is_ascii_lowercase()) && host.split('.').all(is_plain)
}

/// Parses a name or an address; brackets around an IPv6 address are optional.
fn parse(text: &str) -> Option<Host> {
    if let Ok(address) = text.parse() {
        return Some(match address {
            IpAddr::V4(address) => Host::Ipv4(address),
            IpAddr::V6(address) => Host::Ipv6(address),
        });
    }
    match Host::parse(text).ok()? {
        Host::Domain(name) => {
            let name = name.strip_suffix('.').unwrap_or(&name);
            // Without its trailing dot it can be an address.
            Host::parse(name).ok()
        }
        address => Some(address),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn excluded(hosts: &[&str]) -> ExcludedHosts {
        let mut excluded = ExcludedHosts::default();
        for host in hosts {
            excluded.add(host);
        }
        excluded
    }

    #[test]
    fn hosts_are_compared_as_hosts() {
        for (excluded_host, host) in [
            ("Example.COM", "example.com"),
            ("example.com.", "example.com"),
            ("example.com", "example.com."),
            ("[::1]", "::1"),
            ("::1", "[::1]"),
            ("0:0::1", "::1"),
            ("127.1", "127.0.0.1"),
            ("127.0.0.1.", "127.0.0.1"),
            ("MÜNCHEN.example", "xn--mnchen-3ya.example"),
        ] {
            assert!(excluded(&[excluded_host]).contains(host), "{excluded_host}");
        }
        let some = excluded(&["example.com", "::1"]);
        for host in ["sub.example.com", "example.org", "com", "::2", "127.0.0.1"] {
            assert!(!some.contains(host), "{host}");
        }
        assert!(excluded(&[]).is_empty());
        assert!(!some.is_empty() && !excluded(&["no host"]).is_empty());
    }

    proptest! {
        #[test]
        fn a_plain_name_is_parsed_as_it_is(name in "[a-c0-9x.-]{1,12}") {
            prop_assume!(is_plain_name(&name));
            prop_assert_eq!(parse(&name), Some(Host::Domain(name)));
        }
    }

    #[test]
    fn few_names_are_not_plain() {
        for plain in ["localhost", "api.example.com", "a-b.c1"] {
            assert!(is_plain_name(plain), "{plain}");
        }
        for other in [
            "",
            "A.b",
            "a.",
            "a..b",
            "a.1",
            "127.0.0.1",
            "::1",
            "-a",
            "a-",
            "xn--a",
            "a_b",
        ] {
            assert!(!is_plain_name(other), "{other}");
        }
    }

    #[test]
    fn an_invalid_host_excludes_all() {
        for no_host in ["https://example.com/", "example.com:8080", "a b", ""] {
            assert!(excluded(&[no_host]).contains("other.test"), "{no_host}");
        }
    }
}

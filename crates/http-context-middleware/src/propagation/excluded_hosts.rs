//! Hosts that get no trace context.

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
        let is_excluded = |host| self.hosts.contains(&host);
        self.excludes_all || parse(host).is_none_or(is_excluded)
    }
}

/// Parses a name or an address; brackets around an IPv6 address are optional.
fn parse(text: &str) -> Option<Host> {
    if let Ok(address) = text.parse() {
        return Some(Host::Ipv6(address));
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

    #[test]
    fn an_invalid_host_excludes_all() {
        for no_host in ["https://example.com/", "example.com:8080", "a b", ""] {
            assert!(excluded(&[no_host]).contains("other.test"), "{no_host}");
        }
    }
}

//! For whom a request is, by its `Host`.
//!
//! A web page may have its own name lead to the address of this endpoint (DNS rebinding), and then
//! its browser lets it read what is answered. Such a request is for that name. So only those are
//! answered that are for loopback, or for the address to which their connection was made.

use std::net::{IpAddr, Ipv6Addr};

use http::header::HOST;
use http::uri::Authority;
use http::{HeaderValue, Request, Version};

/// For which hosts requests are answered.
#[derive(Clone, Debug)]
pub(super) enum Hosts {
    /// Loopback, and these: names in small letters, and addresses.
    These(Vec<String>),
    Any,
}

impl Default for Hosts {
    fn default() -> Self {
        Self::These(Vec::new())
    }
}

impl Hosts {
    /// Loopback, and this side of a connection.
    pub(super) fn at(local: IpAddr) -> Self {
        Self::These(vec![local.to_canonical().to_string()])
    }

    pub(super) fn add(&mut self, host: &str) {
        if let Self::These(hosts) = self {
            let host = host.to_ascii_lowercase();
            let host = host.trim_start_matches('[').trim_end_matches(']');
            let host = host.strip_suffix('.').unwrap_or(host);
            // An address may be written in several ways.
            let address = host.parse::<IpAddr>().map(|address| address.to_canonical());
            hosts.push(address.map_or_else(|_| host.to_owned(), |address| address.to_string()));
        }
    }
}

/// Whether a request is for the endpoint itself.
pub(super) fn is_ours<B>(request: &Request<B>, hosts: &Hosts) -> bool {
    let Hosts::These(known) = hosts else {
        return true;
    };
    // Over HTTP/2 there is no such header as a rule, and the request line names the host.
    if request.headers().get(HOST).is_none() && request.version() >= Version::HTTP_2 {
        let of_line = request.uri().authority();
        return of_line.is_some_and(|host| is_known(host, known));
    }
    let mut hosts = request.headers().get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return false;
    };
    // A request line may name a host of its own, and then that one counts.
    let of_line = request.uri().authority();
    named(host).is_some_and(|host| is_known(&host, known))
        && of_line.is_none_or(|host| is_known(host, known))
}

fn named(host: &HeaderValue) -> Option<Authority> {
    Authority::try_from(host.as_bytes()).ok()
}

fn is_known(authority: &Authority, known: &[String]) -> bool {
    if authority.as_str().contains('@') {
        return false;
    }
    let host = authority.host();
    let host = host.strip_suffix('.').unwrap_or(host);
    if host.eq_ignore_ascii_case("localhost") {
        return true;
    }
    let address = match host.strip_prefix('[') {
        Some(host) => host
            .strip_suffix(']')
            .and_then(|host| host.parse::<Ipv6Addr>().ok())
            .map(IpAddr::from),
        None => host.parse().ok().filter(IpAddr::is_ipv4),
    };
    match address.map(|address| address.to_canonical()) {
        Some(address) => address.is_loopback() || known.contains(&address.to_string()),
        None => known.contains(&host.to_ascii_lowercase()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(hosts: &[&str], target: &str, local: &str) -> bool {
        let mut request = Request::builder().uri(target);
        for host in hosts {
            request = request.header(HOST, *host);
        }
        let hosts = Hosts::at(local.parse().unwrap());
        is_ours(&request.body(()).unwrap(), &hosts)
    }

    #[test]
    fn requests_for_loopback_and_the_bound_address_are_answered() {
        for (host, local) in [
            ("localhost", "127.0.0.1"),
            ("LocalHost:8080", "127.0.0.1"),
            ("localhost.:9464", "10.1.2.3"),
            ("127.0.0.1", "127.0.0.1"),
            ("127.0.0.1:1", "10.1.2.3"),
            ("127.8.9.1:9464", "127.0.0.1"),
            ("[::1]:9464", "::1"),
            ("[0:0:0:0:0:0:0:1]", "127.0.0.1"),
            ("[::ffff:127.0.0.1]:9464", "127.0.0.1"),
            ("10.1.2.3:9464", "10.1.2.3"),
            ("10.1.2.3", "::ffff:10.1.2.3"),
            ("[fd00::7]:9464", "fd00::7"),
        ] {
            assert!(asked(&[host], "/metrics", local), "{host} at {local}");
        }
        assert!(asked(&["127.0.0.1"], "http://localhost:9464/", "127.0.0.1"));
    }

    #[test]
    fn a_host_that_the_endpoint_is_told_of_is_answered_however_it_is_written() {
        let mut hosts = Hosts::default();
        for host in ["Shop.Internal.", "[FD00:0::7]"] {
            hosts.add(host);
        }
        let asked = |host: &str| {
            let request = Request::builder().header(HOST, host).body(()).unwrap();
            is_ours(&request, &hosts)
        };
        for host in [
            "shop.internal",
            "SHOP.internal.:80",
            "[fd00::7]:80",
            "localhost",
        ] {
            assert!(asked(host), "{host}");
        }
        for host in [
            "shop.internal.evil.example",
            "internal",
            "fd00::7",
            "[fd00::8]",
        ] {
            assert!(!asked(host), "{host}");
        }
        let request = Request::builder().header(HOST, "evil.example").body(());
        assert!(is_ours(&request.unwrap(), &Hosts::Any));
    }

    #[test]
    fn over_http2_the_request_line_names_the_host() {
        let asked = |target: &str| {
            let request = Request::builder().uri(target).version(Version::HTTP_2);
            is_ours(&request.body(()).unwrap(), &Hosts::default())
        };
        assert!(asked("http://localhost:9464/metrics"));
        assert!(!asked("http://evil.example/metrics") && !asked("/metrics"));
    }

    #[test]
    fn requests_for_anybody_else_are_not() {
        for host in [
            "evil.example",
            "evil.example:9464",
            "a",
            "",
            "localhost.evil.example",
            "evil.localhost",
            "127.0.0.1.evil.example",
            "127.0.0.1@evil.example",
            "evil.example@127.0.0.1",
            "0.0.0.0",
            "[::]",
            "10.1.2.4",
            "[fd00::8]",
            "2130706433",
            "0x7f.1",
            "127.1",
            "127.0.0.1 evil.example",
            "127.0.0.1,evil.example",
            "::1",
        ] {
            assert!(!asked(&[host], "/metrics", "10.1.2.3"), "{host}");
        }
        assert!(!asked(&[], "/metrics", "127.0.0.1"));
        assert!(!asked(&["localhost", "evil.example"], "/", "127.0.0.1"));
        assert!(!asked(&["localhost", "localhost"], "/", "127.0.0.1"));
        assert!(!asked(&["localhost"], "http://evil.example/", "127.0.0.1"));
        assert!(!asked(&["evil.example"], "http://localhost/", "127.0.0.1"));
    }
}

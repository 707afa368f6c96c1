//! For whom a request is, by its `Host`.
//!
//! A web page may have its own name lead to the address of this endpoint (DNS rebinding), and then
//! its browser lets it read what is answered. Such a request is for that name. So only those are
//! answered that are for loopback, or for the address to which their connection was made.

use std::net::{IpAddr, Ipv6Addr};

use http::header::HOST;
use http::uri::Authority;
use http::{HeaderValue, Request};

/// Whether a request is for the endpoint itself. `local` is this side of its connection.
pub(super) fn is_ours<B>(request: &Request<B>, local: IpAddr) -> bool {
    let mut hosts = request.headers().get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return false;
    };
    // A request line may name a host of its own, and then that one counts.
    let of_line = request.uri().authority();
    named(host).is_some_and(|host| is_local(&host, local))
        && of_line.is_none_or(|host| is_local(host, local))
}

fn named(host: &HeaderValue) -> Option<Authority> {
    Authority::try_from(host.as_bytes()).ok()
}

fn is_local(authority: &Authority, local: IpAddr) -> bool {
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
    address.is_some_and(|address| {
        let address = address.to_canonical();
        address.is_loopback() || address == local.to_canonical()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(hosts: &[&str], target: &str, local: &str) -> bool {
        let mut request = Request::builder().uri(target);
        for host in hosts {
            request = request.header(HOST, *host);
        }
        is_ours(&request.body(()).unwrap(), local.parse().unwrap())
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

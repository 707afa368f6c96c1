//! The proxies that the environment asks for.

use std::borrow::Cow;

use reqwest::{ClientBuilder, NoProxy, Proxy};

/// Where the operating system has settings of its own, which `reqwest` reads.
pub(super) const HAS_SYSTEM_PROXIES: bool = cfg!(any(target_os = "macos", windows));

/// Sets the proxies of the environment, as `curl` reads it: a variable that is empty is as one that
/// is not set, and `*` in `NO_PROXY` is for addresses as for names.
///
/// `reqwest` alone sends requests to addresses through the proxy then.
///
/// `first` is asked before all of them. It is left out where the settings of the operating system are
/// read, which `reqwest` does only where no proxy is set.
pub(super) fn set(builder: ClientBuilder, first: Option<Proxy>) -> ClientBuilder {
    match of(|name| std::env::var(name).ok()) {
        Some(proxies) if proxies.is_empty() && HAS_SYSTEM_PROXIES => builder,
        proxies => {
            let proxies = proxies.into_iter().flatten();
            let all = first.into_iter().chain(proxies);
            all.fold(builder.no_proxy(), ClientBuilder::proxy)
        }
    }
}

/// `None` if all is to go without one, whatever others say.
fn of(read: impl Fn(&str) -> Option<String>) -> Option<Vec<Proxy>> {
    // One that is empty is as one that is not set.
    let read = |name: &str| read(name).filter(|value| !value.trim().is_empty());
    let first = |names: [&str; 2]| names.into_iter().find_map(read);
    let exceptions = first(["NO_PROXY", "no_proxy"]).unwrap_or_default();
    if exceptions.split(',').any(|entry| entry.trim() == "*") {
        return None;
    }
    // Where a request of others sets `HTTP_PROXY`, by its header `Proxy`.
    if read("REQUEST_METHOD").is_some() {
        return Some(Vec::new());
    }
    let exceptions = exceptions.split(',').map(without_brackets);
    let exceptions: Vec<_> = exceptions.collect();
    let exceptions = NoProxy::from_string(&exceptions.join(","));
    let schemes = [
        (["HTTP_PROXY", "http_proxy"], Proxy::http as fn(_) -> _),
        (["HTTPS_PROXY", "https_proxy"], Proxy::https),
        (["ALL_PROXY", "all_proxy"], Proxy::all),
    ];
    let proxies = schemes.into_iter().filter_map(|(names, proxy)| {
        let url = first(names)?;
        // `reqwest` passes by what it cannot read, too.
        Some(proxy(url).ok()?.no_proxy(exceptions.clone()))
    });
    Some(proxies.collect())
}

/// `[::1]` and `[fd00::]/8` as they are read.
fn without_brackets(entry: &str) -> Cow<'_, str> {
    let entry = entry.trim();
    let bracketed = entry
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'));
    match bracketed {
        Some((address, rest)) => Cow::Owned(format!("{address}{rest}")),
        None => Cow::Borrowed(entry),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_in_brackets_is_one_without_them() {
        for (entry, read) in [
            ("[::1]", "::1"),
            (" [fd00::]/8 ", "fd00::/8"),
            ("example.com", "example.com"),
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("[::1", "[::1"),
            ("", ""),
        ] {
            assert_eq!(without_brackets(entry), read, "{entry:?}");
        }
    }

    fn set(variables: &[(&str, &str)]) -> Option<usize> {
        let value = |name: &str| {
            let mut set = variables.iter();
            set.find_map(|(of, value)| (*of == name).then(|| (*value).to_owned()))
        };
        of(value).map(|proxies| proxies.len())
    }

    #[test]
    fn there_is_a_proxy_for_each_variable_that_says_one() {
        let (http, all) = (("HTTP_PROXY", "http://a"), ("all_proxy", "socks5://b"));
        assert_eq!(set(&[]), Some(0));
        assert_eq!(set(&[http]), Some(1));
        assert_eq!(set(&[http, all]), Some(2));
        assert_eq!(set(&[http, ("http_proxy", "http://c")]), Some(1));
        assert_eq!(
            set(&[("HTTP_PROXY", " "), ("http_proxy", "http://c")]),
            Some(1)
        );
        assert_eq!(set(&[("HTTPS_PROXY", "")]), Some(0));
        // A server that passes a request on sets it by a header.
        assert_eq!(set(&[http, ("REQUEST_METHOD", "GET")]), Some(0));
        assert_eq!(set(&[http, ("NO_PROXY", "a.example, *")]), None);
        assert_eq!(set(&[http, ("no_proxy", "a.example")]), Some(1));
    }
}

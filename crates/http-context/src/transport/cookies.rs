//! Keeps cookie stores out of clients: of those of pools, since one job's cookies are not the next
//! one's, and of those of contexts that keep cookies themselves.

use reqwest::ClientBuilder;

use super::options::SessionOptions;
use crate::error::BuildError;

/// # Errors
///
/// When a client beside the cookies of its context has a store, or may have one.
pub(super) fn refuse_beside_jar(
    options: &SessionOptions,
    builder: &ClientBuilder,
) -> Result<(), BuildError> {
    refuse_in_pool(options, builder).map_err(|_| BuildError::ConfiguredCookies)
}

/// # Errors
///
/// When the sessions of these options have a cookie store, or may have one.
pub(super) fn refuse_in_pool(
    options: &SessionOptions,
    builder: &ClientBuilder,
) -> Result<(), BuildError> {
    if options.configure.is_empty() {
        return Ok(());
    }
    match has_store(&format!("{builder:?}")) {
        Some(false) => Ok(()),
        Some(true) => Err(BuildError::PooledCookies),
        None => Err(BuildError::PooledConfigure),
    }
}

/// Whether a builder has a cookie store, by its `Debug` text, which is all that it says. It names a
/// store that is set, of whatever type, and says nothing of one that is not. So a text in which
/// anything is new may say it in another way: `None`.
fn has_store(text: &str) -> Option<bool> {
    let fields = field_names(text)?;
    if fields.contains(&"cookie_store") {
        return Some(true);
    }
    // Always there.
    let is_known = fields.contains(&"accepts") && fields.contains(&"default_headers");
    let is_known = is_known && fields.iter().all(|field| FIELDS.contains(field));
    is_known.then_some(false)
}

/// What the builder of `reqwest` 0.13 may show beside a store.
const FIELDS: &[&str] = &[
    "accepts",
    "proxies",
    "redirect_policy",
    "referer",
    "default_headers",
    "http1_title_case_headers",
    "http1_allow_obsolete_multiline_headers_in_responses",
    "http1_ignore_invalid_headers_in_responses",
    "http1_allow_spaces_after_header_name_in_responses",
    "http1_only",
    "http2_prior_knowledge",
    "connect_timeout",
    "timeout",
    "local_address",
    "interface",
    "tcp_nodelay",
    "tls_danger_accept_invalid_hostnames",
    "tls_danger_accept_invalid_certs",
    "tls_version_min",
    "tls_version_max",
    "tls_sni",
    "tls_info",
    "tls_sslkeylogfile",
    "tls_backend",
    "dns_overrides",
    "tls_enable_early_data",
    "unix_socket",
];

/// The names of the fields of a `ClientBuilder`, or `None` for a text of another shape.
fn field_names(text: &str) -> Option<Vec<&str>> {
    let mut rest = text.strip_prefix("ClientBuilder { ")?.strip_suffix(" }")?;
    let mut names = Vec::new();
    loop {
        let (name, value) = rest.split_once(": ")?;
        names.push(name);
        match end_of_value(value)? {
            end if end == value.len() => return Some(names),
            end => rest = value[end..].strip_prefix(", ")?,
        }
    }
}

/// Where a value ends: at a comma outside of all brackets and quotes, or with the text.
fn end_of_value(text: &str) -> Option<usize> {
    let (mut depth, mut in_quotes, mut is_escaped) = (0_u32, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = in_quotes,
            '"' => in_quotes = !in_quotes,
            _ if in_quotes => {}
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.checked_sub(1)?,
            ',' if depth == 0 => return Some(at),
            _ => {}
        }
    }
    (depth == 0 && !in_quotes).then_some(text.len())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::{HeaderMap, HeaderValue, header};
    use reqwest::{Client, Proxy, redirect};

    use super::*;

    fn plain() -> String {
        format!("{:?}", Client::builder())
    }

    #[test]
    fn a_builder_without_a_store_says_so_whatever_else_is_set() {
        let headers = HeaderMap::from_iter([
            (
                header::COOKIE,
                HeaderValue::from_static("a=b, cookie_store: true, \"("),
            ),
            (header::ACCEPT, HeaderValue::from_static("{[")),
        ]);
        let all = Client::builder()
            .default_headers(headers)
            .proxy(Proxy::all("http://user:a,b@127.0.0.1:1/").unwrap())
            .redirect(redirect::Policy::custom(|attempt| attempt.error("none")))
            .http1_title_case_headers()
            .http1_allow_obsolete_multiline_headers_in_responses(true)
            .http1_ignore_invalid_headers_in_responses(true)
            .http1_allow_spaces_after_header_name_in_responses(true)
            .http1_only()
            .connect_timeout(Duration::from_secs(1))
            .timeout(Duration::from_secs(1))
            .local_address("127.0.0.1".parse::<std::net::IpAddr>().ok())
            .tcp_nodelay(true)
            .tls_danger_accept_invalid_hostnames(true)
            .tls_danger_accept_invalid_certs(true)
            .tls_version_min(reqwest::tls::Version::TLS_1_2)
            .tls_version_max(reqwest::tls::Version::TLS_1_3)
            .tls_info(true)
            .resolve("example.com", "127.0.0.1:1".parse().unwrap())
            .user_agent("cookie_store");
        #[cfg(target_os = "linux")]
        let all = all.interface("lo").unix_socket("/a, b: \"c\"");
        for text in [
            plain(),
            format!("{:?}", Client::builder().http2_prior_knowledge()),
            format!("{all:?}"),
        ] {
            assert_eq!(has_store(&text), Some(false), "{text}");
        }
    }

    #[cfg(feature = "cookies")]
    #[test]
    fn a_builder_names_the_store_that_it_has() {
        let jar = std::sync::Arc::<reqwest::cookie::Jar>::default();
        for (builder, has) in [
            (Client::builder().cookie_store(true), true),
            (Client::builder().cookie_provider(jar), true),
            (
                Client::builder().cookie_store(true).cookie_store(false),
                false,
            ),
        ] {
            assert_eq!(has_store(&format!("{builder:?}")), Some(has), "{builder:?}");
        }
    }

    #[test]
    fn a_text_with_anything_new_says_nothing() {
        let with = |field: &str| plain().replacen("accepts:", &format!("{field}, accepts:"), 1);
        assert_eq!(has_store(&with("cookie_store: true")), Some(true));
        for text in [
            String::new(),
            "ClientBuilder".to_owned(),
            "ClientBuilder { .. }".to_owned(),
            "ClientBuilder { accepts: Accepts }".to_owned(),
            with("cookies: true"),
            with("cookie store: true"),
            with("unknown: Some { cookie_store: true }"),
            plain().replacen("ClientBuilder", "Builder", 1),
            plain().replacen("accepts", "encodings", 1),
            plain().replacen('{', "(", 1),
            plain().replacen("default_headers: {", "default_headers: {\"", 1),
            plain().replacen("accepts: ", ": ", 1),
            // A quote that nothing ends.
            format!("{}\" }}", plain().strip_suffix(" }").unwrap()),
        ] {
            assert_eq!(has_store(&text), None, "{text}");
        }
    }
}

//! `--queue URL`: which Redis, and how it is spoken of without its password.

use std::fmt;
use std::sync::Arc;

use redis::{Client, IntoConnectionInfo as _};
use url::Url;

/// The address of a Redis, checked as far as that can be done without asking it.
#[derive(Clone)]
pub struct RedisUrl {
    client: Arc<Client>,
    shown: String,
}

impl RedisUrl {
    /// The address as it may be shown: without user and password.
    pub fn as_str(&self) -> &str {
        &self.shown
    }

    pub(super) fn is_encrypted(&self) -> bool {
        self.shown.starts_with("rediss:")
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }
}

/// Parses the flag. The error is one sentence, without the address: it may hold a password.
impl std::str::FromStr for RedisUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form =
            "a queue is redis://[user:password@]host[:port][/database], or rediss:// for TLS";
        let url = Url::parse(text).map_err(|error| format!("{error}: {form}"))?;
        if !matches!(url.scheme(), "redis" | "rediss") {
            return Err(format!("the scheme is {}: {form}", url.scheme()));
        }
        let Some(host) = url.host_str().filter(|host| !host.is_empty()) else {
            return Err(format!("it names no host: {form}"));
        };
        let port = url.port().unwrap_or(6379);
        let database = url.path().trim_matches('/');
        if !database.is_empty() && database.parse::<u16>().is_err() {
            return Err(format!("the database is not a number: {form}"));
        }
        let shown = format!("{}://{host}:{port}/{database}", url.scheme());
        let client = text
            .into_connection_info()
            .and_then(Client::open)
            .map(Arc::new)
            .map_err(|error| {
                format!("{}: {form}", error.detail().unwrap_or("it cannot be used"))
            })?;
        Ok(Self { client, shown })
    }
}

impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.shown.trim_end_matches('/'))
    }
}

/// Without the password, which the client knows.
impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RedisUrl").field(&self.shown).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_its_password() {
        for (given, shown) in [
            ("redis://localhost", "redis://localhost:6379"),
            (
                "redis://me:hunter2@redis.example:7000/3",
                "redis://redis.example:7000/3",
            ),
            ("rediss://:hunter2@[::1]/", "rediss://[::1]:6379"),
        ] {
            let url: RedisUrl = given.parse().unwrap();
            assert_eq!(url.to_string(), shown);
            assert!(!format!("{url:?}").contains("hunter2"));
        }
    }

    #[test]
    fn what_is_no_address_of_a_redis_is_refused_without_repeating_it() {
        for given in [
            "hunter2",
            "http://hunter2@host",
            "redis://",
            "redis://hunter2@host/x",
            "redis:hunter2",
        ] {
            let error = given.parse::<RedisUrl>().unwrap_err();
            assert!(!error.contains("hunter2"), "{given}: {error}");
            assert!(error.contains("redis://"), "{given}: {error}");
        }
    }
}

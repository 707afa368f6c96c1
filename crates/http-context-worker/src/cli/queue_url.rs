//! `--queue URL`: which of the queues that processes share, among those that are built in.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

#[cfg(not(all(feature = "postgres", feature = "redis")))]
use crate::features;
use crate::job_queue::QueueAddress;
#[cfg(feature = "postgres")]
use crate::queue::PostgresAddress;
#[cfg(feature = "redis")]
use crate::queue::RedisAddress;

/// The address of a queue that processes share: never an embedded one.
#[derive(Clone, Debug)]
pub(crate) struct QueueUrl(QueueAddress);

impl QueueUrl {
    /// The queue of this name there, whose workers may be silent for so long.
    #[cfg_attr(
        not(any(feature = "postgres", feature = "redis")),
        expect(
            unused_variables,
            reason = "without a queue that processes share there is no such address"
        )
    )]
    pub(crate) fn address(&self, name: &str, takeover: Duration) -> QueueAddress {
        match &self.0 {
            #[cfg(feature = "redis")]
            QueueAddress::Redis(address) => QueueAddress::Redis(RedisAddress {
                url: address.url.clone(),
                name: name.to_owned(),
                takeover,
            }),
            #[cfg(feature = "postgres")]
            QueueAddress::Postgres(address) => QueueAddress::Postgres(PostgresAddress {
                url: address.url.clone(),
                name: name.to_owned(),
                takeover,
            }),
            QueueAddress::Embedded(_) => self.0.clone(),
        }
    }
}

/// Parses the flag. The error is one sentence, without the address: it may hold a password.
impl FromStr for QueueUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let scheme = text.split_once(':').map_or("", |(scheme, _)| scheme);
        match scheme.to_ascii_lowercase().as_str() {
            "postgres" | "postgresql" => in_postgres(text),
            "redis" | "rediss" => in_redis(text),
            _ => Err(
                "a queue is redis://[user:password@]host[:port][/database], rediss:// for TLS, or \
                 postgres://[user:password@]host[:port]/database[?sslmode=…]"
                    .to_owned(),
            ),
        }
    }
}

#[cfg(feature = "redis")]
fn in_redis(text: &str) -> Result<QueueUrl, String> {
    let address = RedisAddress {
        url: text.parse()?,
        name: String::new(),
        takeover: Duration::MAX,
    };
    Ok(QueueUrl(QueueAddress::Redis(address)))
}

#[cfg(not(feature = "redis"))]
fn in_redis(_: &str) -> Result<QueueUrl, String> {
    Err(features::missing("redis", "queues are kept in Redis"))
}

#[cfg(feature = "postgres")]
fn in_postgres(text: &str) -> Result<QueueUrl, String> {
    let address = PostgresAddress {
        url: text.parse()?,
        name: String::new(),
        takeover: Duration::MAX,
    };
    Ok(QueueUrl(QueueAddress::Postgres(address)))
}

#[cfg(not(feature = "postgres"))]
fn in_postgres(_: &str) -> Result<QueueUrl, String> {
    Err(features::missing(
        "postgres",
        "queues are kept in PostgreSQL",
    ))
}

impl fmt::Display for QueueUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_says_what_keeps_the_queue() {
        for (given, is_built_in, feature) in [
            ("rediss://host", cfg!(feature = "redis"), "redis"),
            (
                "postgres://host/jobs",
                cfg!(feature = "postgres"),
                "postgres",
            ),
            (
                "POSTGRESQL://host/jobs",
                cfg!(feature = "postgres"),
                "postgres",
            ),
        ] {
            match given.parse::<QueueUrl>() {
                Ok(url) => {
                    assert!(is_built_in);
                    assert!(
                        format!("{url:?}").to_lowercase().contains(feature),
                        "{url:?}"
                    );
                }
                Err(error) => {
                    assert!(!is_built_in);
                    assert!(error.contains(&format!("without the feature `{feature}`")));
                }
            }
        }
        for given in ["hunter2", "mysql://hunter2@host", "//hunter2"] {
            let error = given.parse::<QueueUrl>().unwrap_err();
            assert!(error.contains("redis://") && error.contains("postgres://"));
            assert!(!error.contains("hunter2"));
        }
    }
}

//! `--queue URL`: which of the queues that processes share, among those that are built in.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

#[cfg(not(feature = "redis"))]
use crate::features;
use crate::job_queue::QueueAddress;
#[cfg(feature = "redis")]
use crate::queue::RedisAddress;

/// The address of a queue that processes share: never an embedded one.
#[derive(Clone, Debug)]
pub(crate) struct QueueUrl(QueueAddress);

impl QueueUrl {
    /// The queue of this name there, whose workers may be silent for so long.
    #[cfg_attr(
        not(feature = "redis"),
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
            QueueAddress::Embedded(_) => self.0.clone(),
        }
    }
}

/// Parses the flag. The error is one sentence, without the address: it may hold a password.
impl FromStr for QueueUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        #[cfg(feature = "redis")]
        {
            let address = RedisAddress {
                url: text.parse()?,
                name: String::new(),
                takeover: Duration::MAX,
            };
            Ok(Self(QueueAddress::Redis(address)))
        }
        #[cfg(not(feature = "redis"))]
        {
            let _ = text;
            Err(features::missing("redis", "queues are kept in Redis"))
        }
    }
}

impl fmt::Display for QueueUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

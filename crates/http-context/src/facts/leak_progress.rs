//! What a stream was doing when it leaked.

use std::fmt;
use std::time::Duration;

/// How far a stream had come when it was found as a leak: what it had carried, and for how long it had
/// been silent. Of several that are one leak it is all that they had carried, and the latest of them.
///
/// ```text
/// 1,234 bytes so far, the last one 3.2s before
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeakProgress {
    /// Bytes sent: of the body of a request, or on an upgraded connection.
    pub sent: u64,
    /// Bytes received: of the body of a response as its reader saw it, or on an upgraded connection.
    /// `None` of a request without a response.
    pub received: Option<u64>,
    /// How long before bytes were received last, or the response came where none was; `None` of a
    /// request without a response.
    pub quiet_for: Option<Duration>,
}

impl LeakProgress {
    /// That of both together.
    pub(crate) fn and(self, other: Self) -> Self {
        let sum = |one: u64, other: u64| one.saturating_add(other);
        Self {
            sent: sum(self.sent, other.sent),
            received: together(self.received, other.received, sum),
            quiet_for: together(self.quiet_for, other.quiet_for, Ord::min),
        }
    }
}

fn together<T>(one: Option<T>, other: Option<T>, both: impl FnOnce(T, T) -> T) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(both(one, other)),
        (one, other) => one.or(other),
    }
}

impl fmt::Display for LeakProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sent = Bytes(self.sent);
        match self.received {
            None => return write!(f, "{sent} sent so far"),
            Some(received) if self.sent == 0 => write!(f, "{} so far", Bytes(received))?,
            Some(received) => write!(f, "{sent} sent and {} received so far", Bytes(received))?,
        }
        match self.quiet_for {
            Some(quiet) if self.received == Some(0) => write!(f, ", for {quiet:.1?}"),
            Some(quiet) => write!(f, ", the last one {quiet:.1?} before"),
            None => Ok(()),
        }
    }
}

/// A number of bytes, in groups of three digits.
struct Bytes(u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = match self.0 {
            0 => return f.write_str("no byte"),
            1 => return f.write_str("1 byte"),
            bytes => bytes.to_string(),
        };
        for (at, digit) in digits.char_indices() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                f.write_str(",")?;
            }
            write!(f, "{digit}")?;
        }
        f.write_str(" bytes")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(sent: u64, received: Option<u64>, quiet_millis: Option<u64>) -> LeakProgress {
        LeakProgress {
            sent,
            received,
            quiet_for: quiet_millis.map(Duration::from_millis),
        }
    }

    #[test]
    fn it_says_what_has_come_and_how_long_ago() {
        for (progress, text) in [
            (progress(0, Some(0), Some(1500)), "no byte so far, for 1.5s"),
            (
                progress(0, Some(1), Some(20)),
                "1 byte so far, the last one 20.0ms before",
            ),
            (
                progress(0, Some(1_234_567), Some(3210)),
                "1,234,567 bytes so far, the last one 3.2s before",
            ),
            (
                progress(999, Some(1000), Some(3210)),
                "999 bytes sent and 1,000 bytes received so far, the last one 3.2s before",
            ),
            (progress(12_345, None, None), "12,345 bytes sent so far"),
        ] {
            assert_eq!(progress.to_string(), text);
        }
    }

    #[test]
    fn of_several_it_is_all_that_they_carried_and_the_latest() {
        let one = progress(1, Some(10), Some(300));
        let other = progress(2, Some(20), Some(200));
        assert_eq!(one.and(other), progress(3, Some(30), Some(200)));
        assert_eq!(
            one.and(progress(4, None, None)),
            progress(5, Some(10), Some(300))
        );
    }
}

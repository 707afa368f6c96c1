//! Whether and when a failed job is tried again.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The longest wait between two attempts.
pub(crate) const MAX_DELAY: Duration = Duration::from_mins(1);

/// How often a job is tried, and how long it waits in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// At least 1.
    pub max_attempts: u32,
    /// The wait after the first attempt. It doubles with each further one, up to a minute.
    pub first_delay: Duration,
}

impl Retry {
    /// When the job may run again after its attempt number `attempt` failed, in seconds since 1970;
    /// `None` when that was the last. The queue keeps whole seconds, so a wait is rounded up to the
    /// next one.
    pub(crate) fn after(&self, attempt: u32) -> Option<u64> {
        if attempt >= self.max_attempts {
            return None;
        }
        let doubled = 1u32
            .checked_shl(attempt.saturating_sub(1))
            .unwrap_or(u32::MAX);
        let delay = self.first_delay.saturating_mul(doubled).min(MAX_DELAY);
        if delay.is_zero() {
            return Some(0);
        }
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let due = now + delay;
        Some(due.as_secs() + u64::from(due.subsec_nanos() > 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_a_minute_and_ends_with_the_last_attempt() {
        let retry = Retry {
            max_attempts: 40,
            first_delay: Duration::from_secs(1),
        };
        for (attempt, wait) in [(1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (39, 60)] {
            let now = SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap()
                .as_secs();
            let due = retry.after(attempt).unwrap();
            assert!((now + wait..=now + wait + 2).contains(&due), "{attempt}");
        }
        assert_eq!(retry.after(40), None);
    }

    #[test]
    fn without_a_delay_the_job_may_run_at_once() {
        let retry = Retry {
            max_attempts: 2,
            first_delay: Duration::ZERO,
        };
        assert_eq!(retry.after(1), Some(0));
        assert_eq!(retry.after(2), None);
    }
}

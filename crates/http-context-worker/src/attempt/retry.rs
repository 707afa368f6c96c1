//! Whether a failed job is tried again, and after which wait.

use std::time::Duration;

/// The longest wait between two attempts, whoever asks for it.
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
    /// How long the job waits after its attempt number `attempt` failed; `None` when that was the
    /// last. What a server `asked` for is obeyed, up to a minute.
    pub(crate) fn after(&self, attempt: u32, asked: Option<Duration>) -> Option<Duration> {
        if attempt >= self.max_attempts {
            return None;
        }
        let doubled = 1u32
            .checked_shl(attempt.saturating_sub(1))
            .unwrap_or(u32::MAX);
        let delay = self.first_delay.saturating_mul(doubled);
        Some(delay.max(asked.unwrap_or_default()).min(MAX_DELAY))
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
            assert_eq!(retry.after(attempt, None), Some(Duration::from_secs(wait)));
        }
        assert_eq!(retry.after(40, None), None);
    }

    #[test]
    fn a_wait_that_a_server_asks_for_is_obeyed_within_the_longest_one() {
        let retry = Retry {
            max_attempts: 3,
            first_delay: Duration::from_secs(4),
        };
        for (asked, wait) in [(0, 4), (3, 4), (5, 5), (60, 60), (61, 60), (u64::MAX, 60)] {
            let asked = Some(Duration::from_secs(asked));
            assert_eq!(retry.after(1, asked), Some(Duration::from_secs(wait)));
            assert_eq!(retry.after(3, asked), None);
        }
    }

    #[test]
    fn without_a_delay_the_job_may_run_at_once() {
        let retry = Retry {
            max_attempts: 2,
            first_delay: Duration::ZERO,
        };
        assert_eq!(retry.after(1, None), Some(Duration::ZERO));
        assert_eq!(retry.after(2, None), None);
    }
}

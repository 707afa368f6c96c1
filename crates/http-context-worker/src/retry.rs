//! Whether a failed job is tried again, and after which wait.

use std::time::Duration;

/// The longest wait between two attempts by a policy. A longer one, which a job asks for, ends at a time of the
/// wall clock.
pub(crate) const MAX_DELAY: Duration = Duration::from_mins(1);

/// How often a job is tried, and how long it waits in between. By default it is tried once.
///
/// ```
/// use std::time::Duration;
///
/// use http_context_worker::RetryPolicy;
///
/// // Waits 5, 10 and 20 seconds in between.
/// let policy = RetryPolicy::attempts(4).first_delay(Duration::from_secs(5));
/// assert_eq!(policy.max_attempts, 4);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// At least 1.
    pub max_attempts: u32,
    /// The wait after the first attempt. It doubles with each further one, up to a minute.
    pub first_delay: Duration,
}

impl RetryPolicy {
    /// Tries a job so often, at least once, with a second before the second attempt.
    pub fn attempts(max_attempts: u32) -> Self {
        Self {
            max_attempts: max_attempts.max(1),
            first_delay: Duration::from_secs(1),
        }
    }

    /// Waits so long after the first attempt; the wait doubles with each further one, up to a minute.
    #[must_use]
    pub fn first_delay(mut self, delay: Duration) -> Self {
        self.first_delay = delay;
        self
    }

    /// How long the job waits after its attempt number `attempt` failed; `None` when that was the
    /// last. What the job `asked` for is obeyed, however long it is.
    pub(crate) fn after(&self, attempt: u32, asked: Option<Duration>) -> Option<Duration> {
        if attempt >= self.max_attempts {
            return None;
        }
        let doubled = 1u32
            .checked_shl(attempt.saturating_sub(1))
            .unwrap_or(u32::MAX);
        let delay = self.first_delay.saturating_mul(doubled).min(MAX_DELAY);
        Some(delay.max(asked.unwrap_or_default()))
    }
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self::attempts(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_a_minute_and_ends_with_the_last_attempt() {
        let retry = RetryPolicy {
            max_attempts: 40,
            first_delay: Duration::from_secs(1),
        };
        for (attempt, wait) in [(1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (39, 60)] {
            assert_eq!(retry.after(attempt, None), Some(Duration::from_secs(wait)));
        }
        assert_eq!(retry.after(40, None), None);
    }

    #[test]
    fn a_wait_that_is_asked_for_is_obeyed() {
        let retry = RetryPolicy {
            max_attempts: 3,
            first_delay: Duration::from_secs(4),
        };
        for (asked, wait) in [(0, 4), (3, 4), (5, 5), (61, 61), (u64::MAX, u64::MAX)] {
            let asked = Some(Duration::from_secs(asked));
            assert_eq!(retry.after(1, asked), Some(Duration::from_secs(wait)));
            assert_eq!(retry.after(3, asked), None);
        }
    }

    #[test]
    fn without_a_delay_the_job_may_run_at_once() {
        let retry = RetryPolicy {
            max_attempts: 2,
            first_delay: Duration::ZERO,
        };
        assert_eq!(retry.after(1, None), Some(Duration::ZERO));
        assert_eq!(retry.after(2, None), None);
    }
}

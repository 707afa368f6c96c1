//! Which workers of other processes are gone: those that gave no sign of life for the takeover time.
//!
//! The server names those that were silent for a moment ([`noticed_after`]), which in a fleet that lives are none:
//! it is asked so often, by so many, that to name all of them would be most of what it does. From then on the time is
//! counted here, by a clock that nobody sets, from when the last sign of life was seen to change. The sign itself is a
//! time of the server's clock, and only whether it changes counts: neither a clock that is set nor machines whose
//! clocks differ make a worker gone, or keep a worker that is gone. Time in which nobody looked does not count: after
//! an outage all workers are silent alike.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

/// The most that one look adds to the time of silence: somewhat more than between two looks.
const MAX_STEP: Duration = Duration::from_millis(500);

/// The longest time after which a silent worker is named, more than it takes a busy server to be told of a sign.
const NOTICED_AFTER: Duration = Duration::from_secs(1);

/// For how long by the server's clock a worker is silent before it is named: little, beside the takeover time.
pub(in crate::queue) fn noticed_after(takeover: Duration) -> Duration {
    NOTICED_AFTER.min(takeover / 8)
}

/// A worker, and the sign of life that it gave last.
pub(in crate::queue) type Sign = (String, String);

/// See the module's documentation.
#[derive(Debug, Default)]
pub(in crate::queue) struct Silence {
    looked_at: Option<Instant>,
    workers: HashMap<String, (String, Duration)>,
}

impl Silence {
    /// Notes what was seen now.
    pub(in crate::queue) fn see(&mut self, signs: Vec<Sign>) {
        let now = Instant::now();
        let step = self.looked_at.map_or(Duration::ZERO, |at| now - at);
        self.looked_at = Some(now);
        let mut before = std::mem::take(&mut self.workers);
        for (worker, sign) in signs {
            let silent = match before.remove(&worker) {
                Some((last, silent)) if last == sign => silent + step.min(MAX_STEP),
                _ => Duration::ZERO,
            };
            self.workers.insert(worker, (sign, silent));
        }
    }

    /// The workers that were silent for so long.
    pub(in crate::queue) fn longer_than(&self, takeover: Duration) -> Vec<Sign> {
        let workers = self.workers.iter();
        workers
            .filter(|(_, (_, silent))| *silent >= takeover)
            .map(|(worker, (sign, _))| (worker.clone(), sign.clone()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const TAKEOVER: Duration = Duration::from_secs(15);

    fn signs(signs: &[(&str, &str)]) -> Vec<Sign> {
        let signs = signs.iter();
        signs
            .map(|(worker, sign)| ((*worker).to_owned(), (*sign).to_owned()))
            .collect()
    }

    /// Looks a few times a second.
    async fn look(silence: &mut Silence, time: Duration, seen: &[(&str, &str)]) {
        let step = MAX_STEP / 2;
        for _ in 0..time.as_millis() / step.as_millis() {
            advance(step).await;
            silence.see(signs(seen));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_worker_is_gone_after_the_takeover_time_without_a_sign_of_life() {
        let mut silence = Silence::default();
        // Its sign is old when it is first seen, or lies ahead: that says nothing.
        let seen = [("old", "10"), ("ahead", "99999"), ("alive", "100")];
        silence.see(signs(&seen));
        look(&mut silence, TAKEOVER / 2, &seen).await;
        assert_eq!(silence.longer_than(TAKEOVER), []);
        // The clock was set back: any other sign is a sign of life.
        let seen = [("old", "10"), ("ahead", "99999"), ("alive", "7")];
        look(&mut silence, TAKEOVER / 2, &seen).await;
        let mut gone = silence.longer_than(TAKEOVER);
        gone.sort();
        assert_eq!(gone, signs(&[("ahead", "99999"), ("old", "10")]));
        look(&mut silence, TAKEOVER, &seen).await;
        assert_eq!(silence.longer_than(TAKEOVER).len(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn time_in_which_nobody_looked_makes_no_worker_gone() {
        let mut silence = Silence::default();
        silence.see(signs(&[("a", "1")]));
        advance(TAKEOVER * 100).await;
        silence.see(signs(&[("a", "1")]));
        assert_eq!(silence.longer_than(TAKEOVER), []);
    }

    #[tokio::test(start_paused = true)]
    async fn a_worker_that_is_not_seen_any_more_is_forgotten() {
        let mut silence = Silence::default();
        silence.see(signs(&[("a", "1")]));
        silence.see(Vec::new());
        silence.see(signs(&[("a", "1")]));
        advance(TAKEOVER).await;
        assert_eq!(silence.longer_than(TAKEOVER), []);
    }
}

//! What this process holds: memory, descriptors, tasks.

use std::fmt;
use std::time::Duration;

use tokio::runtime::Handle;

use crate::BoxError;

pub(crate) const HEADING: &str =
    "seconds   contexts   requests  RSS MiB    fds  tasks   open  ok   errors";

/// Memory may differ by that much however short the run: the allocator rounds.
const SLACK: u64 = 1 << 20;

/// For how long what is closing may take to be gone.
const REST: Duration = Duration::from_millis(20);
const RESTS: u32 = 250;

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Held {
    pub(crate) memory: u64,
    pub(crate) descriptors: usize,
    pub(crate) tasks: usize,
}

impl Held {
    pub(crate) fn now() -> Self {
        let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
        let resident = pages.split(' ').nth(1).and_then(|pages| pages.parse().ok());
        let descriptors = std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
        Self {
            memory: resident.unwrap_or(0) * 4096,
            // The one that looks is one of them.
            descriptors: descriptors.saturating_sub(1),
            tasks: Handle::current().metrics().num_alive_tasks(),
        }
    }

    #[allow(clippy::cast_precision_loss, reason = "for people to read")]
    pub(crate) fn mebibytes(&self) -> f64 {
        self.memory as f64 / f64::from(1 << 20)
    }

    pub(crate) fn max(self, other: &Self) -> Self {
        Self {
            memory: self.memory.max(other.memory),
            descriptors: self.descriptors.max(other.descriptors),
            tasks: self.tasks.max(other.tasks),
        }
    }

    /// Whether a later moment holds no more than this one.
    pub(crate) fn check(&self, later: &Self) -> Result<(), BoxError> {
        if later.descriptors > self.descriptors || later.tasks > self.tasks {
            return Err(format!("descriptors or tasks grow: {self}, then {later}").into());
        }
        if later.memory > self.memory + (self.memory / 100).max(SLACK) {
            return Err(format!("memory grows by more than 1 %: {self}, then {later}").into());
        }
        Ok(())
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:.1} MiB, {} descriptors, {} tasks",
            self.mebibytes(),
            self.descriptors,
            self.tasks
        )
    }
}

/// What is held once nothing is on its way to be gone any more.
pub(crate) async fn at_rest(baseline: Option<&Held>) -> Held {
    let mut held = Held::now();
    let mut unchanged = 0;
    for _ in 0..RESTS {
        // A connection that is closing has a task and a descriptor for a moment yet.
        tokio::time::sleep(REST).await;
        let now = Held::now();
        let is_unchanged = (now.descriptors, now.tasks) == (held.descriptors, held.tasks);
        unchanged = if is_unchanged { unchanged + 1 } else { 0 };
        held = now;
        let is_back = baseline.is_none_or(|baseline| {
            now.descriptors <= baseline.descriptors && now.tasks <= baseline.tasks
        });
        if is_back && unchanged >= 10 {
            break;
        }
    }
    held
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_grows_is_refused() {
        let mebibytes = |count: u64| count << 20;
        let baseline = Held {
            memory: mebibytes(400),
            descriptors: 10,
            tasks: 1,
        };
        assert!(baseline.check(&baseline).is_ok());
        let later = |change: fn(&mut Held)| {
            let mut later = baseline;
            change(&mut later);
            baseline.check(&later)
        };
        assert!(later(|held| held.descriptors += 1).is_err());
        assert!(later(|held| held.tasks += 1).is_err());
        assert!(later(|held| held.memory += 4 << 20).is_ok());
        assert!(later(|held| held.memory += 5 << 20).is_err());
    }
}

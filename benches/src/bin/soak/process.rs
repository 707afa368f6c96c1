//! What this process holds: memory, descriptors, tasks.

use std::fmt;
use std::time::Duration;

use peak_alloc::PeakAlloc;
use tokio::runtime::Handle;

use crate::BoxError;

/// Knows what is allocated, to the byte.
#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

pub(crate) const HEADING: &str =
    "seconds   contexts   requests  heap KiB  RSS MiB    fds  tasks   open  ok   errors";

/// The heap may differ by that much, however small it is.
const HEAP_SLACK: u64 = 8 << 10;

/// So often, and by so much at once, it may grow by more: tables that were never as full as now double. There are those
/// of this program, of what it watches, and of the library of its locks, which has one with some buckets for each
/// thread. What leaks is more after each round.
const HEAP_STEPS: u32 = 2;
const HEAP_STEP: u64 = 32 << 10;

/// What the system's allocator keeps for later may differ by that much, however little is in use:
/// it has an arena for each thread.
const MEMORY_SLACK: u64 = 1 << 20;

/// For how long what is closing may take to be gone.
const REST: Duration = Duration::from_millis(20);
const RESTS: u32 = 250;

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Held {
    /// Bytes that are allocated.
    pub(crate) heap: u64,
    /// Bytes of memory that are resident, with those that the allocator keeps for later.
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
            heap: HEAP.current_usage() as u64,
            memory: resident.unwrap_or(0) * 4096,
            // The one that looks is one of them.
            descriptors: descriptors.saturating_sub(1),
            tasks: Handle::current().metrics().num_alive_tasks(),
        }
    }

    pub(crate) fn kibibytes(&self) -> u64 {
        self.heap >> 10
    }

    #[allow(clippy::cast_precision_loss, reason = "for people to read")]
    pub(crate) fn mebibytes(&self) -> f64 {
        self.memory as f64 / f64::from(1 << 20)
    }

    pub(crate) fn max(self, other: &Self) -> Self {
        Self {
            heap: self.heap.max(other.heap),
            memory: self.memory.max(other.memory),
            descriptors: self.descriptors.max(other.descriptors),
            tasks: self.tasks.max(other.tasks),
        }
    }
}

/// What is held after the warm-up, and what each later round is held against.
#[derive(Debug)]
pub(crate) struct Baseline {
    pub(crate) held: Held,
    /// How often the heap has grown.
    steps: u32,
}

impl Baseline {
    pub(crate) fn new(held: Held) -> Self {
        Self { held, steps: 0 }
    }

    /// Whether a later moment holds no more.
    pub(crate) fn check(&mut self, later: &Held) -> Result<(), BoxError> {
        let Self { held, steps } = self;
        if later.descriptors > held.descriptors || later.tasks > held.tasks {
            return Err(format!("descriptors or tasks grow: {held}, then {later}").into());
        }
        let grown = |before: u64, after: u64, slack| after > before + (before / 100).max(slack);
        if grown(held.memory, later.memory, MEMORY_SLACK) {
            return Err(format!("memory grows by more than 1 %: {held}, then {later}").into());
        }
        if grown(held.heap, later.heap, HEAP_SLACK) {
            *steps += 1;
            if *steps > HEAP_STEPS || grown(held.heap, later.heap, HEAP_STEP) {
                let often = *steps;
                return Err(format!(
                    "the heap grows by more than 1 %, for the {often}. time: {held}, then {later}"
                )
                .into());
            }
            held.heap = later.heap;
        }
        Ok(())
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} KiB allocated, {:.1} MiB resident, {} descriptors, {} tasks",
            self.kibibytes(),
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
        let held = Held {
            heap: mebibytes(100),
            memory: mebibytes(400),
            descriptors: 10,
            tasks: 1,
        };
        assert!(Baseline::new(held).check(&held).is_ok());
        let later = |change: fn(&mut Held)| {
            let mut later = held;
            change(&mut later);
            Baseline::new(held).check(&later)
        };
        assert!(later(|held| held.descriptors += 1).is_err());
        assert!(later(|held| held.tasks += 1).is_err());
        assert!(later(|held| held.heap += 1 << 20).is_ok());
        assert!(later(|held| held.heap += (1 << 20) + 1).is_err());
        assert!(later(|held| held.memory += 4 << 20).is_ok());
        assert!(later(|held| held.memory += 5 << 20).is_err());
    }

    /// How many rounds are held to be well, of ten that each leave so much.
    fn rounds_before_it_fails(leak: u64) -> usize {
        let mut held = Held {
            heap: 200 << 10,
            ..Held::default()
        };
        let mut baseline = Baseline::new(held);
        let rounds = (0..10).map(|_| {
            held.heap += leak;
            baseline.check(&held)
        });
        rounds.take_while(Result::is_ok).count()
    }

    #[test]
    fn tables_may_double_and_a_leak_is_found() {
        for (leak, rounds) in [(0, 10), (3 << 10, 8), (9 << 10, 2), (33 << 10, 0)] {
            assert_eq!(rounds_before_it_fails(leak), rounds, "{leak}");
        }
    }
}

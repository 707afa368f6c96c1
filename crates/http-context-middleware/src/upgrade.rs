//! What the instrumentation keeps with an upgraded connection, from its head to its end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http_context::{Direction, MessageType, UpgradeTraffic};
use metrics::Counter;

use crate::metrics::{ByDirection, ByType, UpgradedMetrics};
use crate::span::UpgradeSpan;

/// Attached to the request that upgraded it.
#[derive(Debug)]
pub(crate) struct UpgradeState {
    pub(crate) metrics: Arc<UpgradedMetrics>,
    pub(crate) span: Option<UpgradeSpan>,
    bytes: ByDirection<Exported>,
    messages: ByDirection<ByType<Exported>>,
}

impl UpgradeState {
    pub(crate) fn new(metrics: Arc<UpgradedMetrics>, span: Option<UpgradeSpan>) -> Self {
        Self {
            metrics,
            span,
            bytes: Default::default(),
            messages: Default::default(),
        }
    }

    /// Adds what it has carried since the last time. Several threads may do so at once.
    pub(crate) fn export(&self, traffic: &UpgradeTraffic) {
        for (index, direction) in Direction::ALL.iter().enumerate() {
            let bytes = traffic.bytes(*direction);
            self.bytes[index].add_up_to(bytes, &self.metrics.bytes[index]);
            let Some(messages) = &self.metrics.messages else {
                continue;
            };
            for (of, message) in MessageType::ALL.iter().enumerate() {
                let count = traffic.messages(*direction, *message);
                self.messages[index][of].add_up_to(count, &messages[index][of]);
            }
        }
    }
}

/// How much of a count that only grows was added to its counter.
#[derive(Debug, Default)]
struct Exported(AtomicU64);

impl Exported {
    /// Each step of the count is added by one thread alone, whichever comes first with it: one that
    /// has read less than another one adds nothing.
    fn add_up_to(&self, count: u64, counter: &Counter) {
        let before = self.0.fetch_max(count, Ordering::Relaxed);
        let step = count.saturating_sub(before);
        if step > 0 {
            counter.increment(step);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::thread;

    use metrics::CounterFn;

    use super::*;

    #[derive(Debug, Default)]
    struct Sum(AtomicU64);

    impl CounterFn for Sum {
        fn increment(&self, value: u64) {
            self.0.fetch_add(value, Ordering::Relaxed);
        }

        fn absolute(&self, _: u64) {
            unreachable!("nothing here is absolute");
        }
    }

    #[test]
    fn who_comes_late_with_less_adds_nothing_and_takes_nothing_back() {
        let sum = Arc::new(Sum::default());
        let (counter, exported) = (Counter::from_arc(sum.clone()), Exported::default());
        for (count, in_all) in [(7, 7), (5, 7), (7, 7), (9, 9)] {
            exported.add_up_to(count, &counter);
            assert_eq!(sum.0.load(Ordering::Relaxed), in_all);
        }
    }

    #[test]
    fn many_threads_add_a_count_up_once() {
        const THREADS: usize = 4;
        const STEPS: u64 = 50_000;
        let (sum, count) = (Arc::new(Sum::default()), AtomicU64::new(0));
        let (counter, exported) = (Counter::from_arc(sum.clone()), Exported::default());
        let begin = Barrier::new(THREADS);
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    begin.wait();
                    for _ in 0..STEPS {
                        count.fetch_add(3, Ordering::Relaxed);
                        exported.add_up_to(count.load(Ordering::Relaxed), &counter);
                    }
                });
            }
        });
        let all = count.load(Ordering::Relaxed);
        exported.add_up_to(all, &counter);
        assert_eq!(sum.0.load(Ordering::Relaxed), all);
    }
}

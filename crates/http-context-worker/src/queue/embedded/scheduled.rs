//! Jobs whose time has not come.
//!
//! They are rows of the engine's table under another type, so that the engine does not see them, and what
//! bounds waits does not either. Once they are due they become jobs like others.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::clock::floor;
use super::{Embedded, QUEUE, SCHEDULED};
use crate::progress::Meter;

/// How many there are, and the meter that shows it.
#[derive(Clone, Debug, Default)]
pub(super) struct Scheduled(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    count: AtomicU64,
    meter: OnceLock<Meter>,
}

impl Scheduled {
    pub(super) fn follow(&self, meter: &Meter) {
        // A run begins once: there is nothing to replace.
        let _ = self.0.meter.set(meter.clone());
        self.show();
    }

    pub(super) fn meter(&self) -> Option<&Meter> {
        self.0.meter.get()
    }

    /// So many more are scheduled, as was committed.
    pub(super) fn add(&self, jobs: u64) {
        if jobs > 0 {
            self.0.count.fetch_add(jobs, Ordering::Relaxed);
            self.show();
        }
    }

    pub(super) fn remove(&self, jobs: u64) {
        self.0.count.fetch_sub(jobs, Ordering::Relaxed);
        self.show();
    }

    fn show(&self) {
        if let Some(meter) = self.meter() {
            meter.update(|progress| progress.scheduled = self.0.count.load(Ordering::Relaxed));
        }
    }
}

impl Embedded {
    /// Makes what is due ready to be handed out, before all that waits.
    pub(super) async fn hand_on_due(&self, now: Duration) -> Result<(), sqlx::Error> {
        // In the terms of the index that the engine fetches by.
        let due = sqlx::query(
            "UPDATE Jobs SET job_type = ?1, run_at = 0 WHERE job_type = ?2 AND status = 'Pending' \
             AND lock_by IS NULL AND priority = 0 AND run_at <= ?3",
        )
        .bind(QUEUE)
        .bind(SCHEDULED)
        .bind(floor(now))
        .execute(&self.pool)
        .await?
        .rows_affected();
        if due > 0 {
            self.scheduled.remove(due);
            self.waker.wake();
        }
        Ok(())
    }
}

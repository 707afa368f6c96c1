//! Queues the next job of each schedule, for as long as a run goes on.

use std::convert::Infallible;
use std::time::{Duration, SystemTime};

use tokio::time::{MissedTickBehavior, interval};

use crate::job_queue::{EnqueueError, JobQueue};
use crate::schedule::Schedule;

/// The next job of a schedule is queued this long after the one before is due, or sooner.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Queues the job for the next time of each schedule, and once that has come the one for the time after. Whoever
/// else does so for the same queue queues the same id, and one of both is refused.
pub(crate) async fn keep(queue: &JobQueue, schedules: &[Schedule]) -> Infallible {
    let mut queued = vec![None; schedules.len()];
    let mut is_known = true;
    let mut look = interval(LOOK_EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        look.tick().await;
        for (schedule, queued) in schedules.iter().zip(&mut queued) {
            let Some(next) = schedule.next_after(SystemTime::now()) else {
                continue;
            };
            if *queued == Some(next) {
                continue;
            }
            match queue.enqueue_scheduled(schedule, next).await {
                Ok(_) => {
                    *queued = Some(next);
                    is_known = true;
                }
                Err(error) => {
                    // It is asked again at the next look: once is enough to say so.
                    if std::mem::take(&mut is_known) {
                        warn(schedule, &error);
                    }
                }
            }
        }
    }
}

fn warn(schedule: &Schedule, error: &EnqueueError) {
    let error = crate::error_text::chain(error);
    tracing::warn!(
        schedule = schedule.name(),
        error,
        "the next job of a schedule cannot be queued; it is tried again"
    );
}

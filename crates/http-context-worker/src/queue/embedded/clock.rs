//! Waits, and a wall clock that may be set meanwhile.
//!
//! The engine hands a job out once its `run_at`, in whole seconds since 1970, is not ahead of the
//! clock. A clock that is set back would make it wait for as long as that was, so what lies further
//! ahead than the longest wait is put back to it. What is to come later than that is no wait: it is
//! [`scheduled`](super::scheduled).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sqlx::SqlitePool;
use tokio::time::{MissedTickBehavior, interval};

use super::sqlite::signed;
use super::{Embedded, QUEUE};
use crate::retry::MAX_DELAY;

const LOOK_EVERY: Duration = Duration::from_secs(1);

/// When a wait that begins now is over, rounded up to a whole second.
pub(super) fn due_at(wait: Duration) -> i64 {
    if wait.is_zero() {
        return 0;
    }
    ceil(since_1970().saturating_add(wait))
}

/// Shortens waits that a clock which was set has made too long, and hands on what was scheduled for now,
/// until it is dropped.
pub(super) async fn keep(queue: &Embedded) {
    let mut look = interval(LOOK_EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        look.tick().await;
        // What fails here fails with the next commit too, and is reported there.
        let _ = bound_waits_at(&queue.pool, since_1970()).await;
        let _ = queue.hand_on_due(since_1970()).await;
    }
}

async fn bound_waits_at(pool: &SqlitePool, now: Duration) -> Result<u64, sqlx::Error> {
    let latest = ceil(now + MAX_DELAY);
    // In the terms of the index that the engine fetches by.
    let bounded = sqlx::query(
        "UPDATE Jobs SET run_at = ?1 WHERE job_type = ?2 AND status = 'Pending' AND lock_by IS NULL \
         AND priority = 0 AND run_at > ?1",
    )
    .bind(latest)
    .bind(QUEUE)
    .execute(pool)
    .await?;
    Ok(bounded.rows_affected())
}

/// The time in whole seconds, rounded up.
pub(super) fn now() -> i64 {
    ceil(since_1970())
}

pub(super) fn since_1970() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

/// The last whole second that has begun.
pub(super) fn floor(time: Duration) -> i64 {
    signed(time.as_secs())
}

fn ceil(time: Duration) -> i64 {
    signed(
        time.as_secs()
            .saturating_add(u64::from(time.subsec_nanos() > 0)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::tally::Tally;
    use crate::queue::{Batch, Disposition, OutputKind, Queue as _, QueuedJob, Ticket};
    use crate::run_at::RunAt;

    const WAIT: Duration = Duration::from_secs(5);

    /// A queue with one job that failed, and waits.
    async fn a_job_that_waits(dir: &tempfile::TempDir) -> Embedded {
        let queue = Embedded::open(&dir.path().join("queue.sqlite"), false)
            .await
            .unwrap();
        queue
            .begin_output(OutputKind::Results, "results", 0)
            .await
            .unwrap();
        let job = QueuedJob {
            id: "a".to_owned(),
            text: r#"{"id":"a"}"#.to_owned(),
            run_at: RunAt::NOW,
        };
        let batch = Batch {
            jobs: vec![(1, job)],
            read: None,
        };
        queue.add(&batch).await.unwrap();
        let again = Disposition::Again {
            attempts: 1,
            wait: WAIT,
        };
        let (dispositions, tally) = ([(Ticket(1), again)], Tally::default());
        let others = queue.settle(&dispositions, 0, &tally).await.unwrap();
        assert_eq!(others, []);
        queue
    }

    async fn due(queue: &Embedded) -> Duration {
        let due: i64 = sqlx::query_scalar("SELECT run_at FROM Jobs")
            .fetch_one(&queue.pool)
            .await
            .unwrap();
        Duration::from_secs(due.unsigned_abs())
    }

    #[tokio::test]
    async fn a_clock_that_is_set_delays_an_attempt_by_no_more_than_the_longest_wait() {
        let dir = tempfile::tempdir().unwrap();
        let queue = a_job_that_waits(&dir).await;
        let was_due = due(&queue).await;
        let hours = |n| Duration::from_hours(n);
        for back in [1, 24 * 365 * 40] {
            let set_to = was_due.saturating_sub(hours(back));
            assert_eq!(bound_waits_at(&queue.pool, set_to).await.unwrap(), 1);
            assert_eq!(due(&queue).await, set_to + MAX_DELAY);
            assert_eq!(bound_waits_at(&queue.pool, set_to).await.unwrap(), 0);
        }
        // Set forward, it is due already.
        let before = due(&queue).await;
        assert_eq!(
            bound_waits_at(&queue.pool, was_due + hours(1))
                .await
                .unwrap(),
            0
        );
        assert_eq!(due(&queue).await, before);
    }

    #[tokio::test]
    async fn what_is_scheduled_waits_for_its_moment_whatever_the_clock_and_is_handed_on_then() {
        let dir = tempfile::tempdir().unwrap();
        let queue = a_job_that_waits(&dir).await;
        // A wait that is longer than the longest one is a moment of the clock.
        let (began, later) = (since_1970(), MAX_DELAY + Duration::from_secs(1));
        for wait in [later, Duration::MAX] {
            let again = Disposition::Again { attempts: 2, wait };
            let (dispositions, tally) = ([(Ticket(1), again)], Tally::default());
            queue.settle(&dispositions, 0, &tally).await.unwrap();
            let before = due(&queue).await;
            assert!(before >= began + later);
            bound_waits_at(&queue.pool, Duration::ZERO).await.unwrap();
            let not_yet = before.saturating_sub(Duration::from_millis(1));
            queue.hand_on_due(not_yet).await.unwrap();
            assert_eq!(due(&queue).await, before);
            assert_eq!(queue.len().await.unwrap(), 1);
            queue.hand_on_due(before).await.unwrap();
            assert_eq!(due(&queue).await, Duration::ZERO);
        }
    }

    #[tokio::test]
    async fn a_wait_that_is_as_it_should_be_stays() {
        let dir = tempfile::tempdir().unwrap();
        let queue = a_job_that_waits(&dir).await;
        let before = due(&queue).await;
        assert!(before > since_1970() && before <= since_1970() + WAIT + Duration::from_secs(1));
        assert_eq!(bound_waits_at(&queue.pool, since_1970()).await.unwrap(), 0);
        assert_eq!(due(&queue).await, before);
    }
}

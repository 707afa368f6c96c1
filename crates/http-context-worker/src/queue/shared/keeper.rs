//! What each process does for all of them a few times a second, and what it says when that fails.

use std::collections::HashSet;
use std::mem::discriminant;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::{Shared, Silence};
use crate::queue::QueueError;

const KEEP_EVERY: Duration = Duration::from_millis(250);

/// Goes on until the queue is refused for good, and returns that refusal.
pub(super) async fn keep(queue: &impl Shared) -> QueueError {
    let mut tick = interval(KEEP_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut silence = Silence::default();
    // The kinds of errors that this outage had so far. It may begin with a connection that breaks, and go on with a
    // server that refuses: each is said once.
    let mut said = HashSet::new();
    loop {
        tick.tick().await;
        let kept = keep_once(queue, &mut silence).await;
        if kept.is_ok() && queue.take_trouble() {
            queue.workers().begin_anew();
        }
        let answers_otherwise = queue.workers().note_answer(kept.is_ok());
        match kept {
            Err(refused @ QueueError::Refused { .. }) => return refused,
            Err(error) => {
                if said.insert(discriminant(&error)) {
                    tracing::warn!(
                        "{error}; jobs in hand go on, no job begins, and the worker waits for it"
                    );
                }
            }
            Ok(()) => {
                said.clear();
                if answers_otherwise {
                    tracing::warn!("the queue at {} answers again", queue.shown());
                }
            }
        }
    }
}

async fn keep_once(queue: &impl Shared, silence: &mut Silence) -> Result<(), QueueError> {
    queue.keep(silence).await?;
    let workers = queue.workers();
    for worker in workers.former() {
        let in_hand = workers.in_hand();
        if queue.release(&worker, &in_hand).await? == 0 {
            workers.forget(&worker);
        }
    }
    Ok(())
}

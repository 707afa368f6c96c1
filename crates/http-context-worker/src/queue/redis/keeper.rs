//! What each process does for all of them a few times a second: say that it lives, give back the
//! jobs of workers that are gone, and hand on what is due.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::Redis;
use super::connection::Patience;
use super::link::Link;
use super::scripts::{KEEP, RELEASE};
use super::silence::{Sign, Silence};
use crate::queue::tasks::{task_id, ticket_of};
use crate::queue::{QueueError, Ticket};
use crate::retry::MAX_DELAY;

const KEEP_EVERY: Duration = Duration::from_millis(250);

/// What the script of the keeper returns.
type Kept = (u64, u64, u64, u64, Vec<Sign>, Vec<String>);

/// Goes on until Redis refuses for good, and returns that refusal.
pub(super) async fn keep(redis: &Redis) -> QueueError {
    let mut tick = interval(KEEP_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut silence = Silence::default();
    loop {
        tick.tick().await;
        let kept = redis.keep(&mut silence).await;
        if kept.is_ok() && redis.0.connection.link().take_trouble() {
            redis.0.workers.begin_anew();
        }
        let is_news = redis.0.workers.note_answer(kept.is_ok());
        match kept {
            Err(refused @ QueueError::Refused { .. }) => return refused,
            Ok(()) if is_news => {
                tracing::warn!("the queue at {} answers again", redis.0.connection.url());
            }
            Err(error) if is_news => {
                tracing::warn!(
                    "{error}; jobs in hand go on, no job begins, and the worker waits for it"
                );
            }
            Ok(()) | Err(_) => {}
        }
    }
}

impl Redis {
    async fn keep(&self, silence: &mut Silence) -> Result<(), QueueError> {
        let inner = &self.0;
        let names = inner.workers.names();
        let gone = silence.longer_than(inner.takeover);
        let ask = |mut connection: Link| {
            let mut call = KEEP.prepare_invoke();
            for key in [
                inner.keys.workers(),
                inner.keys.active(),
                inner.keys.retry(),
                inner.keys.data(),
                inner.keys.scheduled(),
                inner.keys.cancelled(),
            ] {
                call.key(key);
            }
            call.arg(inner.keys.inflight())
                .arg(inner.keys.worker_metadata())
                .arg(inner.keys.meta())
                .arg(MAX_DELAY.as_millis())
                .arg(names.len())
                .arg(&names);
            for (worker, sign) in &gone {
                call.arg(worker).arg(sign);
            }
            async move { call.invoke_async(&mut connection).await }
        };
        let kept: Kept = inner.connection.ask(Patience::None, ask).await?;
        let (waiting, delayed, unfinished, taken, mut signs, cancelled) = kept;
        if let Some(cancellations) = inner.cancellations.get() {
            // Told again as long as they are not done, so one that has not begun yet is not missed.
            for ticket in cancelled.iter().filter_map(|task| ticket_of(task)) {
                cancellations.cancel(ticket);
            }
        }
        signs.retain(|(worker, _)| !names.contains(worker));
        silence.see(signs);
        if taken > 0 {
            tracing::warn!("{taken} jobs of a worker that is gone were given back to the queue");
        }
        if waiting > 0 {
            inner.workers.wake();
        }
        if let Some(meter) = inner.meter.get() {
            meter.update(|progress| {
                progress.queued = progress.finished + unfinished;
                progress.shared = Some((waiting, delayed));
            });
        }
        for worker in inner.workers.former() {
            let in_hand = inner.workers.in_hand();
            if self.release(&worker, &in_hand).await? == 0 {
                inner.workers.forget(&worker);
            }
        }
        Ok(())
    }

    /// Gives back what was handed out to a worker, but for what is in hand; how many those are.
    pub(super) async fn release(
        &self,
        worker: &str,
        in_hand: &[Ticket],
    ) -> Result<u64, QueueError> {
        let keys = &self.0.keys;
        let ask = |mut connection: Link| {
            let mut call = RELEASE.prepare_invoke();
            call.key(keys.workers())
                .key(keys.active())
                .key(keys.inflight_of(worker))
                .key(format!("{}:{worker}", keys.worker_metadata()))
                .arg(worker)
                .arg(keys.meta());
            for ticket in in_hand {
                call.arg(task_id(*ticket).to_string());
            }
            async move { call.invoke_async(&mut connection).await }
        };
        self.0.connection.ask(Patience::None, ask).await
    }
}

//! What each process does for all of them, in two scripts.

use super::Redis;
use super::link::Link;
use super::scripts::{KEEP, RELEASE};
use crate::queue::shared::{Patience, Sign, Silence, noticed_after};
use crate::queue::tasks::{task_id, ticket_of};
use crate::queue::{QueueError, Ticket};
use crate::retry::MAX_DELAY;

/// What the script of the keeper returns.
type Kept = (u64, u64, u64, u64, Vec<Sign>, Vec<String>);

impl Redis {
    /// See [`Shared::keep`](crate::queue::shared::Shared::keep).
    pub(super) async fn keep_by_script(&self, silence: &mut Silence) -> Result<(), QueueError> {
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
                .arg(noticed_after(inner.takeover).as_millis())
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
        Ok(())
    }

    /// See [`Shared::release`](crate::queue::shared::Shared::release).
    pub(super) async fn release_by_script(
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
                .key(keys.data())
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

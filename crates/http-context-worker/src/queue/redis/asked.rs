//! What a person asks of one job.

use super::Redis;
use super::link::Link;
use super::scripts::{BRING_FORWARD, FIND};
use crate::queue::shared::Patience;
use crate::queue::tasks::{task_id, ticket_of};
use crate::queue::{Ask, QueueError, Ticket, Whereabouts};

impl Redis {
    /// See [`Queue::find`](crate::queue::Queue::find). Some hundreds of jobs at a time, so that nobody else
    /// waits for long.
    pub(super) async fn find_by_script(&self, id: &str) -> Result<Option<Ticket>, QueueError> {
        let mut cursor = "0".to_owned();
        loop {
            let mut call = FIND.prepare_invoke();
            call.key(self.0.keys.data()).arg(&cursor).arg(id);
            let ask = |mut redis: Link| {
                let call = &call;
                async move { call.invoke_async(&mut redis).await }
            };
            let found: Vec<String> = self.0.connection.ask(Patience::None, ask).await?;
            if let Some(task) = found.get(1) {
                return Ok(ticket_of(task));
            }
            match found.into_iter().next() {
                Some(next) if next != "0" => cursor = next,
                _ => return Ok(None),
            }
        }
    }

    /// See [`Queue::bring_forward`](crate::queue::Queue::bring_forward).
    pub(super) async fn bring_forward_by_script(
        &self,
        ticket: Ticket,
        asked: Ask,
    ) -> Result<Whereabouts, QueueError> {
        let (keys, task) = (&self.0.keys, task_id(ticket).to_string());
        let mut call = BRING_FORWARD.prepare_invoke();
        call.key(keys.data())
            .key(keys.active())
            .key(keys.retry())
            .key(format!("{}:{task}", keys.meta()))
            .key(keys.cancelled())
            .key(keys.scheduled())
            .arg(task)
            .arg(match asked {
                Ask::RunNow => "run",
                Ask::Cancel => "cancel",
            });
        let ask = |mut redis: Link| {
            let call = &call;
            async move { call.invoke_async(&mut redis).await }
        };
        let found: String = self.0.connection.ask(Patience::None, ask).await?;
        Ok(match found.as_str() {
            "waits" => Whereabouts::Waits,
            "in hand" => Whereabouts::InHand,
            _ => Whereabouts::Gone,
        })
    }
}

//! What a person asks of one job.

use super::Postgres;
use super::commits::unsigned;
use super::connection::Asked;
use crate::queue::shared::Patience;
use crate::queue::tasks::task_id;
use crate::queue::{Ask, QueueError, Ticket, Whereabouts};

const BRING_FORWARD: &str = include_str!("bring_forward.sql");

impl Postgres {
    /// See [`Queue::find`](crate::queue::Queue::find). An id is kept with its number: nothing is walked over.
    pub(super) async fn find_by_id(&self, id: &str) -> Result<Option<Ticket>, QueueError> {
        let ask = |mut connection: Asked| {
            let asked = sqlx::query_scalar(
                "SELECT ticket FROM http_context_worker.job_id WHERE queue = $1 AND id = $2",
            )
            .bind(&self.0.name)
            .bind(id.as_bytes());
            async move { asked.fetch_optional(&mut *connection).await }
        };
        let ticket: Option<i64> = self.0.connection.ask(Patience::None, ask).await?;
        let Some(ticket) = ticket.map(|ticket| Ticket(unsigned(ticket))) else {
            return Ok(None);
        };
        let task = task_id(ticket).to_string();
        let ask = |mut connection: Asked| {
            let asked = sqlx::query_scalar("SELECT EXISTS (SELECT FROM apalis.jobs WHERE id = $1)")
                .bind(&task);
            async move { asked.fetch_one(&mut *connection).await }
        };
        let is_there: bool = self.0.connection.ask(Patience::None, ask).await?;
        Ok(is_there.then_some(ticket))
    }

    /// See [`Queue::bring_forward`](crate::queue::Queue::bring_forward).
    pub(super) async fn bring_forward_in_one(
        &self,
        ticket: Ticket,
        asked: Ask,
    ) -> Result<Whereabouts, QueueError> {
        let task = task_id(ticket).to_string();
        let ask = |mut connection: Asked| {
            let asked = sqlx::query_scalar(BRING_FORWARD)
                .bind(&task)
                .bind(asked == Ask::Cancel);
            async move { asked.fetch_optional(&mut *connection).await }
        };
        let is_in_hand: Option<bool> = self.0.connection.ask(Patience::None, ask).await?;
        Ok(match is_in_hand {
            None => Whereabouts::Gone,
            Some(true) => Whereabouts::InHand,
            Some(false) => Whereabouts::Waits,
        })
    }
}

//! What the commits have recorded: of inputs how far they were read, of outputs their lengths and sums.

use ulid::Ulid;

use super::Postgres;
use super::commits::{signed, unsigned};
use super::connection::Asked;
use crate::progress::tally::Tally;
use crate::queue::shared::Patience;
use crate::queue::{InputOffset, OutputKind, QueueError, Recorded};

/// Standard input is another one each time: no offset of it is kept.
const STDIN: &str = "-";

impl Postgres {
    /// See [`Queue::output`](crate::queue::Queue::output).
    pub(super) async fn recorded_length(
        &self,
        kind: OutputKind,
        target: &str,
    ) -> Result<Recorded, QueueError> {
        let target = self.on_this_host(target);
        let record = self.claim(kind, &target, Patience::TenSeconds).await?;
        Ok(record.map_or(Recorded::Unknown, |(length, _)| Recorded::Length(length)))
    }

    /// See [`Queue::begin_output`](crate::queue::Queue::begin_output).
    pub(super) async fn record_length(
        &self,
        kind: OutputKind,
        target: &str,
        length: u64,
    ) -> Result<(), QueueError> {
        let target = self.on_this_host(target);
        self.set_length(kind, &target, length, Patience::TenSeconds)
            .await?;
        self.claim(kind, &target, Patience::TenSeconds).await?;
        Ok(())
    }

    async fn set_length(
        &self,
        kind: OutputKind,
        target: &str,
        length: u64,
        patience: Patience,
    ) -> Result<(), QueueError> {
        let ask = |mut connection: Asked| {
            let asked = sqlx::query(
                "INSERT INTO http_context_worker.output (queue, kind, target, length) \
                 VALUES ($1, $2, $3, $4) \
                 ON CONFLICT (queue, kind, target) DO UPDATE SET length = excluded.length",
            )
            .bind(&self.0.name)
            .bind(kind.as_str())
            .bind(target)
            .bind(signed(length));
            async move { asked.execute(&mut *connection).await.map(drop) }
        };
        self.0.connection.ask(patience, ask).await
    }

    /// A new server may not know that the rejects are this process's, whose file they are: it alone has it open.
    pub(super) async fn claim_rejects_again(&self) -> Result<(), QueueError> {
        let (target, length, _) = self.0.recorded.of(OutputKind::Rejects).get();
        let (kind, patience) = (OutputKind::Rejects, Patience::TenSeconds);
        if self.claim(kind, &target, patience).await?.is_none() {
            self.set_length(kind, &target, length, patience).await?;
            self.claim(kind, &target, patience).await?;
        }
        Ok(())
    }

    /// The sums of the results in one file.
    pub(super) async fn recorded_sums(&self, results: &str) -> Result<Tally, QueueError> {
        let results = self.on_this_host(results);
        let ask = |mut connection: Asked| {
            let asked = sqlx::query_scalar(
                "SELECT sums FROM http_context_worker.output \
                 WHERE queue = $1 AND kind = 'results' AND target = $2",
            )
            .bind(&self.0.name)
            .bind(&results);
            async move { asked.fetch_optional(&mut *connection).await }
        };
        let sums: Option<Option<String>> = self.0.connection.ask(Patience::TenSeconds, ask).await?;
        self.sums(sums.flatten())
    }

    /// See [`Queue::resume`](crate::queue::Queue::resume).
    pub(super) async fn record_of(
        &self,
        results: &str,
    ) -> Result<Option<(u64, Tally)>, QueueError> {
        let results = self.on_this_host(results);
        self.claim(OutputKind::Results, &results, Patience::OfAWorker)
            .await
    }

    /// Makes what is recorded of an output this process's, and says what that is. What a process has sent that
    /// was killed may still be on its way, and must not count lines that are cut off now.
    pub(super) async fn claim(
        &self,
        kind: OutputKind,
        target: &str,
        patience: Patience,
    ) -> Result<Option<(u64, Tally)>, QueueError> {
        let token = Ulid::generate().to_string();
        let ask = |mut connection: Asked| {
            let asked = sqlx::query_as(
                "UPDATE http_context_worker.output SET token = $4 \
                 WHERE queue = $1 AND kind = $2 AND target = $3 RETURNING length, sums",
            )
            .bind(&self.0.name)
            .bind(kind.as_str())
            .bind(target)
            .bind(&token);
            async move { asked.fetch_optional(&mut *connection).await }
        };
        let record: Option<(i64, Option<String>)> = self.0.connection.ask(patience, ask).await?;
        let Some((length, sums)) = record else {
            return Ok(None);
        };
        let (length, sums) = (unsigned(length), self.sums(sums)?);
        self.0
            .recorded
            .of(kind)
            .set(target.to_owned(), length, token);
        Ok(Some((length, sums)))
    }

    fn sums(&self, recorded: Option<String>) -> Result<Tally, QueueError> {
        recorded.map_or(Ok(Tally::default()), |sums| self.read(&sums))
    }

    /// How far a file of jobs was read.
    pub(super) async fn recorded_offset(&self, input: &str) -> Result<InputOffset, QueueError> {
        let Some(name) = self.input_name(input) else {
            return Ok(InputOffset::default());
        };
        let ask = |mut connection: Asked| {
            let asked = sqlx::query_scalar(
                "SELECT read_up_to FROM http_context_worker.input WHERE queue = $1 AND name = $2",
            )
            .bind(&self.0.name)
            .bind(&name);
            async move { asked.fetch_optional(&mut *connection).await }
        };
        let text: Option<String> = self.0.connection.ask(Patience::TenSeconds, ask).await?;
        text.map_or(Ok(InputOffset::default()), |text| self.read(&text))
    }

    /// The name of an input whose offset is kept.
    pub(super) fn input_name(&self, input: &str) -> Option<String> {
        (input != STDIN).then(|| self.on_this_host(input))
    }

    pub(super) fn on_this_host(&self, name: &str) -> String {
        format!("{}:{name}", self.0.host)
    }

    pub(super) fn read<T: serde::de::DeserializeOwned>(&self, text: &str) -> Result<T, QueueError> {
        serde_json::from_str(text).map_err(|error| self.unusable(&error))
    }

    pub(super) fn write<T: serde::Serialize>(&self, value: &T) -> Result<String, QueueError> {
        serde_json::to_string(value).map_err(|error| self.unusable(&error))
    }

    fn unusable(&self, error: &serde_json::Error) -> QueueError {
        QueueError::Refused {
            queue: self.0.connection.url().to_string(),
            reason: format!("what it has recorded cannot be read: {error}"),
        }
    }
}

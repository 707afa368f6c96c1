//! What the commits have recorded: of inputs how far they were read, of outputs their lengths and sums.

use parking_lot::Mutex;

use ulid::Ulid;

use super::Postgres;
use super::commits::{signed, unsigned};
use super::connection::Asked;
use crate::progress::tally::Tally;
use crate::queue::shared::Patience;
use crate::queue::{InputOffset, OutputKind, QueueError, Recorded};

/// Standard input is another one each time: no offset of it is kept.
const STDIN: &str = "-";

/// The length of the results, as this process has recorded it last, with their name and the token that it left there.
#[derive(Debug, Default)]
pub(super) struct RecordedLength(Mutex<Option<(String, u64, String)>>);

impl RecordedLength {
    pub(super) fn set(&self, name: String, length: u64, token: String) {
        *self.0.lock() = Some((name, length, token));
    }

    pub(super) fn get(&self) -> (String, u64, String) {
        let recorded = self.0.lock();
        recorded.clone().unwrap_or_default()
    }
}

impl Postgres {
    /// See [`Queue::output`](crate::queue::Queue::output).
    pub(super) async fn recorded_length(
        &self,
        kind: OutputKind,
        target: &str,
    ) -> Result<Recorded, QueueError> {
        let target = self.on_this_host(target);
        let record = match kind {
            OutputKind::Results => self.claim(&target, Patience::None).await?,
            OutputKind::Rejects => self.output_record(kind, &target, Patience::None).await?,
        };
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
        let ask = |mut connection: Asked| {
            let asked = sqlx::query(
                "INSERT INTO http_context_worker.output (queue, kind, target, length) \
                 VALUES ($1, $2, $3, $4) \
                 ON CONFLICT (queue, kind, target) DO UPDATE SET length = excluded.length",
            )
            .bind(&self.0.name)
            .bind(kind.as_str())
            .bind(&target)
            .bind(signed(length));
            async move { asked.execute(&mut *connection).await.map(drop) }
        };
        self.0.connection.ask(Patience::None, ask).await?;
        if kind == OutputKind::Results {
            self.claim(&target, Patience::None).await?;
        }
        Ok(())
    }

    /// The sums of the results in one file.
    pub(super) async fn recorded_sums(&self, results: &str) -> Result<Tally, QueueError> {
        let results = self.on_this_host(results);
        let record = self
            .output_record(OutputKind::Results, &results, Patience::None)
            .await?;
        Ok(record.map(|(_, sums)| sums).unwrap_or_default())
    }

    /// See [`Queue::resume`](crate::queue::Queue::resume).
    pub(super) async fn record_of(
        &self,
        results: &str,
    ) -> Result<Option<(u64, Tally)>, QueueError> {
        let results = self.on_this_host(results);
        self.claim(&results, Patience::OfAWorker).await
    }

    /// Makes what is recorded of these results this process's, and says what that is. What a process has sent that
    /// was killed may still be on its way, and must not count lines that are cut off now.
    pub(super) async fn claim(
        &self,
        results: &str,
        patience: Patience,
    ) -> Result<Option<(u64, Tally)>, QueueError> {
        let token = Ulid::generate().to_string();
        let ask = |mut connection: Asked| {
            let asked = sqlx::query_as(
                "UPDATE http_context_worker.output SET token = $3 \
                 WHERE queue = $1 AND kind = 'results' AND target = $2 RETURNING length, sums",
            )
            .bind(&self.0.name)
            .bind(results)
            .bind(&token);
            async move { asked.fetch_optional(&mut *connection).await }
        };
        let record: Option<(i64, Option<String>)> = self.0.connection.ask(patience, ask).await?;
        let record = self.length_and_sums(record)?;
        if let Some((length, _)) = record {
            self.0.recorded.set(results.to_owned(), length, token);
        }
        Ok(record)
    }

    fn length_and_sums(
        &self,
        record: Option<(i64, Option<String>)>,
    ) -> Result<Option<(u64, Tally)>, QueueError> {
        let Some((length, sums)) = record else {
            return Ok(None);
        };
        let sums = sums.map_or(Ok(Tally::default()), |sums| self.read(&sums))?;
        Ok(Some((unsigned(length), sums)))
    }

    async fn output_record(
        &self,
        kind: OutputKind,
        target: &str,
        patience: Patience,
    ) -> Result<Option<(u64, Tally)>, QueueError> {
        let ask = |mut connection: Asked| {
            let asked = sqlx::query_as(
                "SELECT length, sums FROM http_context_worker.output \
                 WHERE queue = $1 AND kind = $2 AND target = $3",
            )
            .bind(&self.0.name)
            .bind(kind.as_str())
            .bind(target);
            async move { asked.fetch_optional(&mut *connection).await }
        };
        let record: Option<(i64, Option<String>)> = self.0.connection.ask(patience, ask).await?;
        self.length_and_sums(record)
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
        let text: Option<String> = self.0.connection.ask(Patience::OfAReader, ask).await?;
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

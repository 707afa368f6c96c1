//! The commits on which the queue's promise rests, and what they record.

use redis::{AsyncCommands as _, ScriptInvocation};
use ulid::Ulid;

use super::Redis;
use super::link::Link;
use super::scripts::{ADD, BEGIN, CLAIM, SETTLE};
use crate::progress::tally::Tally;
use crate::queue::shared::Patience;
use crate::queue::tasks::task_id;
use crate::queue::{
    Batch, Disposition, InputOffset, OutputKind, QueueError, Recorded, Seen, Ticket,
};
use crate::retry::MAX_DELAY;

/// Standard input is another one each time: no offset of it is kept.
const STDIN: &str = "-";

impl Redis {
    /// See [`Queue::output`](crate::queue::Queue::output).
    pub(super) async fn recorded_length(
        &self,
        kind: OutputKind,
        target: &str,
    ) -> Result<Recorded, QueueError> {
        let key = self.0.keys.output(kind, &self.on_this_host(target));
        let claimed = self.claim(kind, &key, Patience::TenSeconds).await?;
        Ok(claimed.map_or(Recorded::Unknown, |(length, _)| Recorded::Length(length)))
    }

    /// Makes what is recorded of an output under this key this process's, and says what that is. What a process
    /// has sent that was killed may still be on its way, and must not count lines that are cut off now.
    async fn claim(
        &self,
        kind: OutputKind,
        key: &str,
        patience: Patience,
    ) -> Result<Option<(u64, String)>, QueueError> {
        let token = Ulid::generate().to_string();
        let mut call = CLAIM.prepare_invoke();
        call.key(key).arg(&token);
        let ask = |mut redis: Link| {
            let call = &call;
            async move { call.invoke_async(&mut redis).await }
        };
        let claimed: Vec<String> = self.0.connection.ask(patience, ask).await?;
        let mut claimed = claimed.into_iter();
        let (Some(length), Some(sums)) = (claimed.next(), claimed.next()) else {
            return Ok(None);
        };
        let length = self.read(&length)?;
        self.0.recorded.of(kind).set(key.to_owned(), length, token);
        Ok(Some((length, sums)))
    }

    /// See [`Queue::begin_output`](crate::queue::Queue::begin_output).
    pub(super) async fn record_length(
        &self,
        kind: OutputKind,
        target: &str,
        length: u64,
    ) -> Result<(), QueueError> {
        let key = self.0.keys.output(kind, &self.on_this_host(target));
        self.set_length(&key, length, Patience::TenSeconds).await?;
        self.claim(kind, &key, Patience::TenSeconds).await?;
        Ok(())
    }

    async fn set_length(
        &self,
        key: &str,
        length: u64,
        patience: Patience,
    ) -> Result<(), QueueError> {
        let ask =
            |mut redis: Link| async move { redis.hset::<_, _, _, ()>(key, "length", length).await };
        self.0.connection.ask(patience, ask).await
    }

    /// The sums of the results in one file.
    pub(super) async fn recorded_sums(&self, results: &str) -> Result<Tally, QueueError> {
        let results = self.on_this_host(results);
        let key = self.0.keys.output(OutputKind::Results, &results);
        let ask = |mut redis: Link| {
            let key = key.clone();
            async move { redis.hget(key, "sums").await }
        };
        let text: Option<String> = self.0.connection.ask(Patience::TenSeconds, ask).await?;
        text.map_or(Ok(Tally::default()), |text| self.read(&text))
    }

    /// The recorded length of the results in one file, and their sums.
    pub(super) async fn record_of(
        &self,
        results: &str,
    ) -> Result<Option<(u64, Tally)>, QueueError> {
        let key = self
            .0
            .keys
            .output(OutputKind::Results, &self.on_this_host(results));
        let claimed = self.claim(OutputKind::Results, &key, Patience::OfAWorker);
        let Some((length, sums)) = claimed.await? else {
            return Ok(None);
        };
        let sums = if sums.is_empty() {
            Tally::default()
        } else {
            self.read(&sums)?
        };
        Ok(Some((length, sums)))
    }

    /// How far a file of jobs was read.
    pub(super) async fn recorded_offset(&self, input: &str) -> Result<InputOffset, QueueError> {
        if input == STDIN {
            return Ok(InputOffset::default());
        }
        let (key, input) = (self.0.keys.inputs(), self.on_this_host(input));
        let ask = |mut redis: Link| {
            let (key, input) = (key.clone(), input.clone());
            async move { redis.hget(key, input).await }
        };
        let text: Option<String> = self.0.connection.ask(Patience::TenSeconds, ask).await?;
        text.map_or(Ok(InputOffset::default()), |text| self.read(&text))
    }

    /// See [`Queue::seen`](crate::queue::Queue::seen).
    pub(super) async fn known(&self, ids: &[&str]) -> Result<Vec<Seen>, QueueError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let key = self.0.keys.ids();
        let ask = |mut redis: Link| {
            let mut command = redis::cmd("HMGET");
            command.arg(&key).arg(ids);
            async move { command.query_async(&mut redis).await }
        };
        let lines: Vec<Option<u64>> = self.0.connection.ask(Patience::TenSeconds, ask).await?;
        let seen = ids.iter().zip(lines).filter_map(|(id, line)| {
            Some(Seen {
                id: (*id).to_owned(),
                line: line?,
            })
        });
        Ok(seen.collect())
    }

    /// See [`Queue::add`](crate::queue::Queue::add).
    pub(super) async fn add_by_script(&self, batch: &Batch) -> Result<Vec<Seen>, QueueError> {
        let inner = &self.0;
        let (next, count) = (inner.keys.next(), batch.jobs.len() as u64);
        // Numbers that are taken and not used after all leave a gap, which is no harm.
        let ask = |mut redis: Link| {
            let next = next.clone();
            async move { redis.incr(next, count).await }
        };
        let end: u64 = inner.connection.ask(Patience::TenSeconds, ask).await?;
        let series = inner.series.take();
        let mut answer: Vec<String> = loop {
            let call = self.call_to_add(batch, (&series.name, series.number), end - count)?;
            let ask = |mut redis: Link| {
                let call = &call;
                async move { call.invoke_async(&mut redis).await }
            };
            let answer: Vec<String> = inner.connection.ask(Patience::TenSeconds, ask).await?;
            // Ids come in pairs with their lines.
            if answer != ["claimed"] {
                break answer;
            }
            self.claim_rejects_again().await?;
        };
        inner.series.give_back(series);
        if answer.is_empty() {
            inner.recorded.note_queued(batch.read.as_ref());
        }
        let seen = answer.chunks_exact_mut(2).map(|pair| Seen {
            id: std::mem::take(&mut pair[0]),
            line: pair[1].parse().unwrap_or(0),
        });
        Ok(seen.collect())
    }

    /// The script with a batch of a series, whose jobs are numbered from this one on.
    fn call_to_add(
        &self,
        batch: &Batch,
        (series, number): (&str, u64),
        first: u64,
    ) -> Result<ScriptInvocation<'static>, QueueError> {
        let (inner, read) = (&self.0, batch.read.as_ref());
        let mut call = ADD.prepare_invoke();
        for key in [
            inner.keys.data(),
            inner.keys.active(),
            inner.keys.ids(),
            inner.keys.inputs(),
            match read {
                Some(read) => {
                    let rejects = self.on_this_host(&read.rejects);
                    inner.keys.output(OutputKind::Rejects, &rejects)
                }
                // Nothing is recorded under it.
                None => inner.keys.ids(),
            },
            inner.keys.added_by(series),
            inner.keys.scheduled(),
        ] {
            call.key(key);
        }
        call.arg(inner.keys.meta()).arg(number);
        match read {
            Some(read) if read.input != STDIN => {
                call.arg(self.on_this_host(&read.input))
                    .arg(self.write(&read.offset)?);
            }
            _ => {
                call.arg("").arg("");
            }
        }
        match read {
            Some(read) => call.arg(read.rejects_length),
            None => call.arg(""),
        };
        call.arg(inner.recorded.token_of_rejects(read).unwrap_or_default());
        for ((line, job), ticket) in batch.jobs.iter().zip(first..) {
            call.arg(&job.id)
                .arg(*line)
                .arg(task_id(Ticket(ticket)).to_string())
                .arg(&job.text)
                .arg(job.run_at.0);
        }
        Ok(call)
    }

    /// A new server may not know that the rejects are this process's, whose file they are: it alone has it open.
    async fn claim_rejects_again(&self) -> Result<(), QueueError> {
        let (key, length, _) = self.0.recorded.of(OutputKind::Rejects).get();
        let (kind, patience) = (OutputKind::Rejects, Patience::TenSeconds);
        if self.claim(kind, &key, patience).await?.is_none() {
            self.set_length(&key, length, patience).await?;
            self.claim(kind, &key, patience).await?;
        }
        Ok(())
    }

    /// See [`Queue::begin`](crate::queue::Queue::begin).
    pub(super) async fn begin_by_script(&self, ticket: Ticket) -> Result<bool, QueueError> {
        let (inner, task) = (&self.0, task_id(ticket).to_string());
        let mut call = BEGIN.prepare_invoke();
        call.key(format!("{}:{task}", inner.keys.meta()));
        for worker in inner.workers.names() {
            call.key(inner.keys.inflight_of(&worker));
        }
        call.arg(task);
        let ask = |mut redis: Link| {
            let call = &call;
            async move { call.invoke_async(&mut redis).await }
        };
        inner.connection.ask(Patience::OfAWorker, ask).await
    }

    /// See [`Queue::settle`](crate::queue::Queue::settle).
    pub(super) async fn settle_by_script(
        &self,
        dispositions: &[(Ticket, Disposition)],
        results_length: u64,
        tally: &Tally,
    ) -> Result<Vec<Ticket>, QueueError> {
        let inner = &self.0;
        let record = inner.recorded.of(OutputKind::Results);
        // One token for all tries: what was settled is not settled again.
        let (settlement, sums) = (Ulid::generate().to_string(), self.write(tally)?);
        loop {
            let (results, length_before, token) = record.get();
            let mut call = SETTLE.prepare_invoke();
            call.key(inner.keys.data())
                .key(inner.keys.active())
                .key(inner.keys.retry())
                .key(inner.keys.scheduled())
                .key(&results);
            for worker in inner.workers.names() {
                call.key(inner.keys.inflight_of(&worker));
            }
            call.arg(inner.keys.meta())
                .arg(&settlement)
                .arg(length_before)
                .arg(results_length)
                .arg(&sums)
                .arg(MAX_DELAY.as_millis())
                .arg(token);
            for (ticket, disposition) in dispositions {
                call.arg(task_id(*ticket).to_string())
                    .arg(in_words(*disposition));
            }
            let ask = |mut redis: Link| {
                let call = &call;
                async move { call.invoke_async(&mut redis).await }
            };
            let answer: Vec<String> = inner.connection.ask(Patience::OfAWorker, ask).await?;
            match answer.first().map(String::as_str) {
                Some("settled") => {
                    record.set(results, results_length, settlement);
                    return Ok(Vec::new());
                }
                Some("others") => {
                    let tickets = dispositions.iter().map(|(ticket, _)| *ticket);
                    return Ok(tickets
                        .filter(|ticket| answer.contains(&task_id(*ticket).to_string()))
                        .collect());
                }
                // A new server did not get to know that it is this process's, whose file it is.
                Some("claimed")
                    if self
                        .claim(OutputKind::Results, &results, Patience::OfAWorker)
                        .await?
                        .is_some_and(|(length, _)| length == length_before) => {}
                _ => {
                    return Err(QueueError::Forgotten {
                        queue: inner.connection.url().to_string(),
                    });
                }
            }
        }
    }

    fn read<T: serde::de::DeserializeOwned>(&self, text: &str) -> Result<T, QueueError> {
        serde_json::from_str(text).map_err(|error| self.unusable(&error))
    }

    fn write<T: serde::Serialize>(&self, value: &T) -> Result<String, QueueError> {
        serde_json::to_string(value).map_err(|error| self.unusable(&error))
    }

    fn unusable(&self, error: &serde_json::Error) -> QueueError {
        QueueError::Refused {
            queue: self.0.connection.url().to_string(),
            reason: format!("what it has recorded cannot be read: {error}"),
        }
    }
}

/// What becomes of a job, as the script reads it. Of a wait it is given the length, because the clock
/// that it ends by is that of Redis.
fn in_words(disposition: Disposition) -> String {
    match disposition {
        Disposition::Done => "done".to_owned(),
        // The script counts in floating point, as a sorted set does: up to here each millisecond counts.
        Disposition::Again { attempts, wait } => {
            format!("{attempts}:{}", wait.as_millis().min(1 << 52))
        }
    }
}

//! From how an attempt ended to what is settled of it: a result line and sums, or another attempt.

use std::time::Duration;

use http_context::Outcome;

use super::attempted::{Attempted, CANCELLED, Ended};
use super::{Shared, named};
use crate::jobs::{Again, AttemptStatus, JobContext, JobOutput, Kinds, KnownKind};
use crate::progress::tally::Tally;
use crate::queue::{Attempt, Disposition};
use crate::result_writer::Entry;
use crate::results::{Exit, ResultLine};

/// Log lines are the handler's, wherever they are written.
const TARGET: &str = "http_context_worker::handler";

impl Shared {
    /// How long the job waits for another attempt, if there is to be one.
    fn retry_in(&self, attempted: &Attempted<'_>, number: u32) -> Option<Duration> {
        let error = attempted.result.as_ref().err()?;
        let asked = match error.again() {
            Again::ByPolicy => None,
            Again::After(wait) => Some(wait),
            Again::Never => return None,
        };
        let own = attempted.kind.and_then(|kind| kind.kind.retry());
        own.unwrap_or(self.retry).after(number, asked)
    }

    pub(super) fn entry(
        &self,
        attempt: &Attempt,
        context: &JobContext,
        attempted: &Attempted<'_>,
        text: &str,
    ) -> Entry {
        let (ticket, number) = (attempt.ticket, attempt.number);
        let mut adds = std::mem::take(&mut *context.shared().counted.lock());
        let exit = match &attempted.exit {
            Ended::Reported(report) => {
                adds.add_exit(report);
                Exit::from(report.as_ref())
            }
            Ended::Unreported(outcome) => {
                adds.add_context(*outcome);
                Exit::without_report(*outcome)
            }
            Ended::NotOpened => Exit::without_report(Outcome::Failed),
        };
        let failed = attempted.result.is_err();
        let retry_in = self.retry_in(attempted, number);
        if let Some(kind) = attempted.kind {
            let status = match (failed, retry_in) {
                (false, _) => AttemptStatus::Ok,
                (true, None) => AttemptStatus::Failed,
                (true, Some(_)) => AttemptStatus::Retried,
            };
            let duration = context.shared().began.elapsed();
            kind.durations.record(&kind.name, status, duration);
        }
        if let Err(error) = &attempted.result {
            self.failures
                .add(attempt.ticket, context, error, retry_in, text);
        }
        if let Some(wait) = retry_in {
            adds.retried = u64::from(number == 1);
            return Entry {
                ticket,
                disposition: Disposition::Again {
                    attempts: number,
                    wait,
                },
                line: Vec::new(),
                adds,
            };
        }
        adds.ok = u64::from(!failed);
        adds.failed = u64::from(failed);
        let (output, error) = match &attempted.result {
            Ok(output) => (Some(output), None),
            Err(error) => (error.output(), Some(error.to_text())),
        };
        let line = ResultLine {
            id: Some(context.id()),
            status: if failed { "failed" } else { "ok" },
            attempts: number,
            error: error.as_deref(),
            output: in_result(attempted.kind, output),
            exit,
        };
        Entry {
            ticket,
            disposition: Disposition::Done,
            line: line.to_line(),
            adds,
        }
    }
}

/// The end of a job that is not tried again because workers crashed with it in hand.
pub(super) fn poisoned(attempt: &Attempt, id: &str, kinds: &Kinds) -> Entry {
    let crashes = attempt.crashes;
    let error = format!(
        "poisoned: {crashes} workers in a row ended while they had this job in hand, so it is not tried again"
    );
    tracing::error!(
        target: TARGET,
        job = named(id),
        crashes,
        "a job is poisoned, and is not tried again"
    );
    let header = kinds.header(attempt.job.as_str()).ok();
    let kind = header.and_then(|header| kinds.of(&header).ok());
    let attempts = attempt.number.saturating_sub(1).saturating_add(crashes);
    let mut entry = never_run(attempt, Some(id), attempts, &error, kind);
    entry.adds.poisoned = 1;
    entry
}

/// The end of a job that was cancelled before an attempt at it.
pub(super) fn cancelled(attempt: &Attempt, id: &str, kinds: &Kinds) -> Entry {
    tracing::info!(target: TARGET, job = named(id), "a job is cancelled, and is not run");
    let header = kinds.header(attempt.job.as_str()).ok();
    let kind = header.and_then(|header| kinds.of(&header).ok());
    let attempts = attempt.number.saturating_sub(1);
    never_run(attempt, Some(id), attempts, CANCELLED, kind)
}

/// The end of what is in the queue and is no job at all: something else has put it there.
pub(super) fn unreadable(attempt: &Attempt) -> Entry {
    let error = "is no job: what stands in the queue has no id";
    tracing::error!(target: TARGET, error, "a job cannot be read");
    never_run(attempt, None, attempt.number, error, None)
}

/// The end of a job that has failed without an attempt at it.
fn never_run(
    attempt: &Attempt,
    id: Option<&str>,
    attempts: u32,
    error: &str,
    kind: Option<&KnownKind>,
) -> Entry {
    let line = ResultLine {
        id,
        status: "failed",
        attempts,
        error: Some(error),
        output: in_result(kind, None),
        exit: Exit::without_report(Outcome::Failed),
    };
    Entry {
        ticket: attempt.ticket,
        disposition: Disposition::Done,
        line: line.to_line(),
        adds: Tally {
            failed: 1,
            ..Tally::default()
        },
    }
}

fn in_result(kind: Option<&KnownKind>, output: Option<&JobOutput>) -> String {
    match kind {
        Some(kind) => kind.kind.in_result(output),
        None => "\"output\":null".to_owned(),
    }
}

/// Logs how an attempt ended.
pub(super) fn log_attempt(context: &JobContext, attempted: &Attempted<'_>, entry: &Entry) {
    let (job, attempt) = (named(context.id()), context.attempt());
    let error = match &attempted.result {
        Ok(_) => {
            let talked = entry.adds.websockets;
            tracing::debug!(
                target: TARGET,
                job,
                attempts = attempt,
                requests = entry.adds.requests,
                messages = (talked.opened > 0).then_some(talked.received_messages),
                "a job is done"
            );
            return;
        }
        Err(error) => error.to_text(),
    };
    match entry.disposition {
        Disposition::Done => {
            tracing::info!(target: TARGET, job, attempts = attempt, error, "a job failed");
        }
        Disposition::Again { wait, .. } => tracing::info!(
            target: TARGET,
            job,
            attempt,
            error,
            ?wait,
            "a job failed and is tried again"
        ),
    }
}

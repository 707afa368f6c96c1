//! From lines of the input to jobs in the queue.
//!
//! A thread reads and checks lines and hands them over in batches; a task commits one batch after
//! another. Memory holds a few batches and never the input: a file of a million lines costs what a
//! file of a thousand does.
//!
//! A batch is one commit of the queue ([`Queue::add`]): its jobs, their ids, and the offset behind
//! them. Killed before that commit the whole batch is read again, killed after it none of it is.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader};
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::failure::Failure;
use crate::input::lines::{Line, Lines};
use crate::input::{ContentDigest, Input, InputError};
use crate::jobs::Kinds;
use crate::line::{BadField, MAX_LINE_BYTES};
use crate::progress::Meter;
use crate::queue::{Batch, InputOffset, Queue, QueuedJob, ReadUpTo, Seen};
use crate::results::output::Output;
use crate::results::rejects::Reject;

const BATCH_LINES: usize = 500;
const BATCH_BYTES: u64 = 1024 * 1024;

/// Lines that were read, with the offset behind them.
struct Read {
    lines: Vec<(u64, Result<QueuedJob, BadField>)>,
    /// Without the count of rejected lines.
    offset: InputOffset,
    /// Lines that were rejected before, when they had no end, and are judged again here.
    retracted: u64,
}

impl Read {
    fn up_to(
        read: &Lines<Digested<'_>>,
        lines: Vec<(u64, Result<QueuedJob, BadField>)>,
        retracted: &mut u64,
        complete: bool,
    ) -> Self {
        Self {
            lines,
            offset: InputOffset {
                bytes: read.offset(),
                lines: read.line(),
                complete,
                digest: read.input().digest.to_bytes(),
                unended: read.unended(),
                rejected: 0,
            },
            retracted: std::mem::take(retracted),
        }
    }
}

/// Reads the input to its end, or until `stop`.
pub(crate) async fn ingest<Q: Queue>(
    input: Input,
    kinds: Arc<Kinds>,
    queue: Q,
    mut rejects: Output,
    meter: Meter,
    stop: CancellationToken,
) -> Result<(), Failure> {
    let name = input.name();
    let start = queue.input(&name).await?;
    let mut rejected = start.rejected;
    let (sender, mut batches) = mpsc::channel(2);
    // A thread of its own: a read of standard input cannot be interrupted, and must not keep the
    // runtime alive.
    std::thread::Builder::new()
        .name("read-jobs".to_owned())
        .spawn(move || read_all(input, &kinds, start, &sender))
        .map_err(Failure::Thread)?;
    loop {
        let read = tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(()),
            read = batches.recv() => read,
        };
        let Some(read) = read else {
            meter.update(|progress| progress.read_all = true);
            return Ok(());
        };
        commit(read?, &name, &mut rejected, &queue, &mut rejects, &meter).await?;
    }
}

/// Rejects what cannot be queued and queues the rest, in one commit.
async fn commit<Q: Queue>(
    read: Read,
    name: &str,
    rejected: &mut u64,
    queue: &Q,
    rejects: &mut Output,
    meter: &Meter,
) -> Result<(), Failure> {
    *rejected = rejected.saturating_sub(read.retracted);
    let before = *rejected;
    let mut sorted = Sorted::default();
    for (line, item) in read.lines {
        match item {
            Ok(job) => sorted.jobs.push((line, job)),
            Err(field) => sorted.bad.push(Reject::new(line, field)),
        }
    }
    let ids: Vec<&str> = sorted.jobs.iter().map(|(_, job)| job.id.as_str()).collect();
    let mut known = queue.seen(&ids).await?;
    let batch = loop {
        sorted.reject_known(known);
        *rejected += sorted.bad.len() as u64;
        rejects.append(&sorted.bad_lines())?;
        let batch = Batch {
            jobs: std::mem::take(&mut sorted.jobs),
            read: Some(ReadUpTo {
                input: name.to_owned(),
                offset: InputOffset {
                    rejected: *rejected,
                    ..read.offset.clone()
                },
                rejects: rejects.name().to_owned(),
                rejects_length: rejects.length(),
                rejects_are_cut: !rejects.is_stream(),
            }),
        };
        // Somebody else may have queued the same id since it was asked for.
        known = queue.add(&batch).await?;
        if known.is_empty() {
            break batch;
        }
        sorted.jobs = batch.jobs;
    };
    meter.update(|progress| {
        progress.queued += batch.jobs.len() as u64;
        progress.rejected = progress.rejected.saturating_sub(read.retracted) + *rejected - before;
    });
    Ok(())
}

/// A batch on its way into the queue.
#[derive(Default)]
struct Sorted {
    jobs: Vec<(u64, QueuedJob)>,
    bad: Vec<Reject>,
}

impl Sorted {
    /// Rejects the jobs whose ids are known, or stand on an earlier line of this batch.
    fn reject_known(&mut self, known: Vec<Seen>) {
        let mut first_lines: HashMap<String, u64> =
            known.into_iter().map(|seen| (seen.id, seen.line)).collect();
        for (line, job) in std::mem::take(&mut self.jobs) {
            if let Some(first) = first_lines.get(&job.id) {
                let error = match first {
                    0 => "was queued already".to_owned(),
                    first => format!("stood on line {first} already"),
                };
                self.bad.push(Reject::new(line, BadField::new("id", error)));
            } else {
                first_lines.insert(job.id.clone(), line);
                self.jobs.push((line, job));
            }
        }
    }

    /// Takes the rejects out, as lines in the order of the input.
    fn bad_lines(&mut self) -> Vec<u8> {
        self.bad.sort_by_key(|reject| reject.line);
        let mut lines = Vec::new();
        for reject in self.bad.drain(..) {
            tracing::debug!(
                line = reject.line,
                field = reject.field,
                error = reject.error,
                "a line was rejected"
            );
            reject.write_to(&mut lines);
        }
        lines
    }
}

/// The reading thread. Ends at the end of the input, or when nobody wants its batches any more.
fn read_all(
    input: Input,
    kinds: &Kinds,
    start: InputOffset,
    batches: &mpsc::Sender<Result<Read, InputError>>,
) {
    let outcome = read_batches(input, kinds, start, |read| {
        batches.blocking_send(Ok(read)).is_ok()
    });
    if let Err(error) = outcome {
        let _ = batches.blocking_send(Err(error));
    }
}

/// Reads on from `start` and gives away one batch after another, for as long as they are taken.
fn read_batches(
    mut input: Input,
    kinds: &Kinds,
    start: InputOffset,
    mut give: impl FnMut(Read) -> bool,
) -> Result<(), InputError> {
    let (bytes, complete, unended) = (start.bytes, start.complete, start.unended);
    let resumed = input.go_to(start)?;
    let is_same = resumed.offset.complete;
    let mut before = (!resumed.last_line.is_empty()).then(|| {
        let (at, line) = (resumed.offset.bytes, resumed.offset.lines);
        let mut lines = Lines::resume(resumed.last_line.as_slice(), MAX_LINE_BYTES, at, line);
        // Reading from memory does not fail.
        lines
            .next_line()
            .ok()
            .flatten()
            .and_then(|line| item(kinds, line))
    });
    let mut lines = Lines::resume(
        Digested {
            reader: input.reader(),
            digest: resumed.digest,
        },
        MAX_LINE_BYTES,
        resumed.offset.bytes,
        resumed.offset.lines,
    );
    let (mut batch, mut retracted) = (Vec::new(), 0);
    let mut given_to = resumed.offset.bytes;
    loop {
        let item = match lines.next_line() {
            Ok(Some(line)) => item(kinds, line),
            Ok(None) => break,
            Err(error) => return Err(input.io_error(error)),
        };
        let number = lines.line();
        match before.take() {
            // It has not grown, or has its end by now: it was queued or rejected as it is.
            Some(before) if lines.unended() == unended || before == item => {}
            before => {
                // What was rejected of it is part of a line that is judged now.
                retracted += u64::from(matches!(before, Some(Some(Err(_)))));
                batch.extend(item.map(|item| (number, item)));
            }
        }
        // A slow producer's jobs start at once: what is there is handed over before a read that may
        // block.
        let would_block = !lines.input().reader.buffer().contains(&b'\n');
        let full = batch.len() >= BATCH_LINES || lines.offset() - given_to >= BATCH_BYTES;
        if full || (would_block && !batch.is_empty()) {
            given_to = lines.offset();
            let read = Read::up_to(&lines, std::mem::take(&mut batch), &mut retracted, false);
            if !give(read) {
                return Ok(());
            }
        }
    }
    // An input that was read to its end before, and has not grown, is as it was.
    if !(is_same && complete && lines.offset() == bytes) {
        give(Read::up_to(&lines, batch, &mut retracted, true));
    }
    Ok(())
}

/// What a line is: nothing, a job, or why it is none.
fn item(kinds: &Kinds, line: Line<'_>) -> Option<Result<QueuedJob, BadField>> {
    match line {
        Line::Text(text) if text.trim_ascii().is_empty() => None,
        Line::Text(text) => Some(kinds.parse(text)),
        Line::TooLong(length) => Some(Err(BadField::line(format!(
            "has {length} bytes, a line may have {MAX_LINE_BYTES}"
        )))),
    }
}

/// Keeps the digest of the bytes that go by.
struct Digested<'a> {
    reader: &'a mut BufReader<Box<dyn std::io::Read + Send>>,
    digest: ContentDigest,
}

impl std::io::Read for Digested<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.fill_buf()?.read(buffer)?;
        self.consume(got);
        Ok(got)
    }
}

impl BufRead for Digested<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.reader.fill_buf()
    }

    fn consume(&mut self, bytes: usize) {
        self.digest.extend(&self.reader.buffer()[..bytes]);
        self.reader.consume(bytes);
    }
}

//! What workers ask of the server of their queue, with nothing to do, with one job now and then, and with all
//! that they can do.

use std::path::Path;
use std::process::Child;
use std::time::Duration;

use http_context_worker::JobQueue;
use tokio::time::Instant;

use crate::children::Foreign;
use crate::fleet::{self, Empty};
use crate::kernel::usage;
use crate::role::runtime;
use crate::servers::address;

/// For as long workers are left alone first: PostgreSQL plans a statement anew the first five times that a connection
/// asks it, which is not what an idle worker costs.
const SETTLED_AFTER: Duration = Duration::from_secs(15);
/// How long workers may take until all are there: beyond its knee a server does not bear more.
const COME_WITHIN: Duration = Duration::from_mins(2);
/// How long idle workers are watched.
const WATCHED: Duration = Duration::from_secs(10);
/// Jobs that come one by one.
const SINGLE: usize = 20;
/// Jobs that come at once.
const JOBS: usize = 20_000;
/// For as long they are watched at most: what is beyond its knee does not come to an end.
const ALL_WITHIN: Duration = Duration::from_mins(2);
const LOOK_EVERY: Duration = Duration::from_millis(2);
const RARELY: Duration = Duration::from_millis(100);

/// A server of queues, which says what it has done.
pub(crate) trait Engine: Sized {
    const NAME: &'static str;
    /// How many workers are tried, the last of them the most that it bears on this machine.
    const WORKERS: &'static [usize];
    /// What it calls what it is asked.
    const QUESTIONS: &'static str;

    /// Starts it, and its URL.
    fn start(folder: &Path) -> (Child, String);

    fn connect(url: &str) -> Self;

    /// How many workers it knows.
    fn workers(&mut self) -> usize;

    /// How many jobs it has that are not done, as far as that is cheap to know: 0 where none are.
    fn unfinished(&mut self) -> usize;

    /// How many exactly.
    fn left(&mut self) -> usize;

    /// How many connections it has, but for this one.
    fn connections(&mut self) -> usize;

    /// What it has been asked so far.
    fn questions(&mut self) -> u64;

    /// The bytes that it has read and written, if it says so.
    fn bytes(&mut self) -> Option<u64>;
}

struct Row {
    workers: usize,
    /// How many of them the server knew in time.
    came: usize,
    connections: usize,
    questions: f64,
    kilobytes: Option<f64>,
    cpu: f64,
    memory: u64,
    single: Duration,
    at_once: Option<AtOnce>,
}

/// What became of many jobs that came at once.
struct AtOnce {
    rate: f64,
    job_cpu: f64,
}

/// Its part of the document, or these rows of it.
pub(crate) fn table<E: Engine>(rows: &[&str]) -> String {
    let mut text = format!(
        "## {}\n\nWorkers of {} jobs at once. Idle: watched for {} s. One job: the median of {SINGLE}, one after the other, \
         from the call that queues it until the server has none. All at once: {JOBS} empty jobs, queued by another process while the workers are there, and watched for {} s at most.\n\n\
         | workers | connections | idle: {} a second | kB a second | processor, % of a core | memory, MB | one job: ms | \
         all at once: jobs a second | processor of the server, µs a job |\n\
         |---:|---:|---:|---:|---:|---:|---:|---:|---:|\n",
        E::NAME,
        fleet::CONCURRENCY,
        WATCHED.as_secs(),
        ALL_WITHIN.as_secs(),
        E::QUESTIONS
    );
    let mut workers: Vec<usize> = rows.iter().map(|row| row.parse().unwrap()).collect();
    if workers.is_empty() {
        workers = E::WORKERS.to_vec();
    }
    for row in workers.into_iter().map(measure::<E>) {
        let kilobytes = row
            .kilobytes
            .map_or_else(|| "–".to_owned(), |kb| format!("{kb:.1}"));
        let workers = match (row.workers, row.came) {
            (all, came) if came < all => format!("{came} of {all}"),
            (all, _) => all.to_string(),
        };
        // Where the server is at its limit nobody may be able to queue so many.
        let at_once = row.at_once.map_or_else(
            || "– | –".to_owned(),
            |AtOnce { rate, job_cpu }| format!("{rate:.0} | {:.0}", job_cpu * 1e6),
        );
        let line = format!(
            "| {workers} | {} | {:.0} | {kilobytes} | {:.2} | {:.0} | {:.0} | {at_once} |\n",
            row.connections,
            row.questions,
            row.cpu * 100.0,
            row.memory as f64 / 1e6,
            row.single.as_secs_f64() * 1e3,
        );
        eprint!("{}: {line}", E::NAME);
        text.push_str(&line);
    }
    text
}

fn measure<E: Engine>(workers: usize) -> Row {
    let folder = tempfile::tempdir().unwrap();
    let (server, url) = E::start(folder.path());
    let killed_at_the_end = Foreign(server);
    let server = killed_at_the_end.0.id();
    // It makes what the queue consists of, once and not by all of the workers.
    let runtime = runtime();
    let jobs = runtime.block_on(JobQueue::open(&address(&url))).unwrap();
    let mut engine = E::connect(&url);
    let before = engine.connections();
    let fleet = fleet::start(&url, workers);
    let came = came(&mut engine, workers);
    wait(SETTLED_AFTER);

    let (began, cpu) = (Instant::now(), usage(server).cpu);
    let (questions, bytes) = (engine.questions(), engine.bytes());
    wait(WATCHED);
    let (now, seconds) = (usage(server), began.elapsed().as_secs_f64());
    let idle = (now.cpu - cpu) / seconds;
    let questions = (engine.questions() - questions) as f64 / seconds;
    let kilobytes = bytes.zip(engine.bytes());
    let kilobytes = kilobytes.map(|(then, now)| (now - then) as f64 / 1e3 / seconds);
    let connections = engine.connections() - before;

    let mut single: Vec<Duration> = (0..SINGLE)
        .map(|number| {
            let began = Instant::now();
            let queued = runtime.block_on(jobs.enqueue(&format!("single-{number}"), &Empty {}));
            assert!(queued.is_ok());
            until(|| engine.unfinished() == 0);
            began.elapsed()
        })
        .collect();
    single.sort();

    let ids: Vec<String> = (0..JOBS).map(|number| format!("job-{number}")).collect();
    let all = ids.iter().map(|id| (id.as_str(), &Empty {}));
    let enqueue = || runtime.block_on(jobs.enqueue_all(all)).is_ok();
    let at_once = at_once(&mut engine, enqueue, server, idle);
    drop(fleet);
    Row {
        workers,
        came,
        connections,
        questions,
        kilobytes,
        cpu: idle,
        memory: now.memory,
        single: single[SINGLE / 2],
        at_once,
    }
}

/// Has so many jobs enqueued, and watches them; `None` where that has failed. The server takes `idle` of a core besides.
fn at_once<E: Engine>(
    engine: &mut E,
    enqueue: impl FnOnce() -> bool,
    server: u32,
    idle: f64,
) -> Option<AtOnce> {
    let (began, cpu) = (Instant::now(), usage(server).cpu);
    if !enqueue() {
        return None;
    }
    // Rarely: a database looks through what is done to find that nothing is left.
    until_every(RARELY, || {
        engine.unfinished() == 0 || began.elapsed() >= ALL_WITHIN
    });
    let done = (JOBS - engine.left()) as f64;
    let seconds = began.elapsed().as_secs_f64();
    let taken = usage(server).cpu - cpu - idle * seconds;
    Some(AtOnce {
        rate: done / seconds,
        job_cpu: taken / done,
    })
}

/// How many workers a server knows once all are there, or when it has had the time for that.
fn came<E: Engine>(engine: &mut E, workers: usize) -> usize {
    let (began, mut known) = (Instant::now(), 0);
    until_every(RARELY, || {
        known = engine.workers();
        known >= workers || began.elapsed() >= COME_WITHIN
    });
    known.min(workers)
}

/// While something is watched.
pub(crate) fn wait(time: Duration) {
    std::thread::sleep(time);
}

/// Asks a server until it is so.
pub(crate) fn until(is_so: impl FnMut() -> bool) {
    until_every(LOOK_EVERY, is_so);
}

fn until_every(time: Duration, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(
            began.elapsed() < Duration::from_mins(5),
            "it takes too long"
        );
        wait(time);
    }
}

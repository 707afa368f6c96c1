//! What is measured, and the table of it.

use std::fmt::Write as _;
use std::path::Path;

use super::CONCURRENCY;
use super::memory;
use super::processes::{Engine, Server, jobs_a_second};
use super::queue::Kind;

const ROUNDS: usize = 3;
const PROCESSES: [usize; 3] = [1, 2, 4];
/// Of one measurement: some seconds.
const JOBS: u64 = 40_000;

const QUEUES: [(Kind, &str); 4] = [
    (Kind::Embedded, "embedded"),
    (Kind::State, "embedded, with `--state`"),
    (Kind::Redis, "Redis"),
    (Kind::Postgres, "PostgreSQL"),
];

const WORK: [(Engine, &str, &str); 4] = [
    (Engine::Bare, "acknowledged", "bare engine, acknowledging"),
    (
        Engine::BareForgets,
        "forgotten",
        "bare engine, handing out alone",
    ),
    (Engine::Worker, "", "empty job"),
    (Engine::Worker, REQUEST, "job of one request"),
];

/// A job sends a request to the server.
const REQUEST: &str = "request";

/// Measures all of it in rounds that take turns, and writes the table.
pub(crate) fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let (rounds, jobs) = if quick { (1, JOBS / 6) } else { (ROUNDS, JOBS) };
    let server = Server::start();
    let mut rates = vec![Vec::new(); QUEUES.len() * WORK.len() * PROCESSES.len()];
    for round in 0..rounds {
        let mut cells = rates.iter_mut();
        for (kind, name) in QUEUES {
            for (engine, does, work) in WORK {
                for processes in PROCESSES {
                    let does = if does == REQUEST { server.url() } else { does };
                    let rate = jobs_a_second(kind, engine, processes, jobs, does);
                    eprintln!("round {round}: {name}, {work}, {processes}: {rate:.0}");
                    cells.next().unwrap().push(rate);
                }
            }
        }
    }
    let mut text = format!(
        "# Jobs\n\nWritten by `cargo bench -p http-context-worker --all-features --bench jobs`.\n\n\
         Jobs a second, {CONCURRENCY} at once in each process, medians of {rounds} rounds of {jobs} jobs that \
         take turns; two cores, with the queue's server and the one that answers requests on them too. An embedded \
         queue is one process's, so that several have one each. The bare engine is apalis on the same storage, with \
         a function that does nothing: acknowledging what is done, as it comes; and handing jobs out alone, which \
         is what the worker has it do, that settles jobs with their results beside it.\n\n\
         | queue | work | 1 process | 2 | 4 | of the bare engine |\n|---|---|---:|---:|---:|---:|\n"
    );
    let mut cells = rates.into_iter();
    for (_, name) in QUEUES {
        let mut bare = f64::NAN;
        for (engine, _, work) in WORK {
            let medians = PROCESSES.map(|_| median(cells.next().unwrap()));
            let [one, two, four] = medians;
            let of_bare = match engine {
                Engine::Bare => {
                    bare = one;
                    String::new()
                }
                _ => format!("{:.2}", one / bare),
            };
            let _ = writeln!(
                text,
                "| {name} | {work} | {one:.0} | {two:.0} | {four:.0} | {of_bare} |"
            );
        }
    }
    text.push_str(&memory::table(quick));
    println!("{text}");
    if !quick {
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../benches/docs/jobs.md");
        std::fs::write(docs, text).unwrap();
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

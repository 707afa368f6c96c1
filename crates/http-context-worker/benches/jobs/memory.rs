//! Memory of a worker over a million jobs.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};

use http_context_worker::{JobError, JobsFrom, Plan, Target, Worker};
use serde_json::Value;

use super::CONCURRENCY;
use super::processes::this;
use super::role::runtime;

/// Runs so many empty jobs of a file, and prints what the kernel says of this process's memory at each
/// tenth of them, in kilobytes.
pub(crate) fn main(jobs: u64) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jobs");
    let mut lines = BufWriter::new(File::create(&file).unwrap());
    for number in 0..jobs {
        writeln!(lines, "{{\"id\":\"job-{number}\"}}").unwrap();
    }
    drop(lines);
    let done = AtomicU64::new(0);
    let work = move |_: Value| {
        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
        if done.is_multiple_of(jobs / 10) {
            println!("{done} {}", resident());
        }
        async { Ok::<_, JobError>(()) }
    };
    runtime().block_on(async {
        let plan = Plan::run(JobsFrom::File(file))
            .results(Target::File(folder.path().join("results")))
            .concurrency(CONCURRENCY);
        let worker = Worker::new("bench", work);
        worker.run(plan, std::future::pending()).await.unwrap();
    });
}

/// The memory of a process that does a million jobs, tenth by tenth.
pub(crate) fn table(quick: bool) -> String {
    let jobs = if quick { "100000" } else { "1000000" };
    let child = this(&["memory", jobs]).stdout(Stdio::piped()).spawn();
    let mut child = child.unwrap();
    let mut text = "\n## Memory\n\nOf one process that does a million empty jobs of a file, as the kernel says \
                    (`VmRSS`).\n\n| jobs done | MB |\n|---:|---:|\n"
        .to_owned();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        let (jobs, kilobytes) = line.split_once(' ').unwrap();
        let megabytes = kilobytes.parse::<f64>().unwrap() / 1024.0;
        let _ = writeln!(text, "| {jobs} | {megabytes:.1} |");
    }
    assert!(child.wait().unwrap().success());
    text
}

fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.unwrap()
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .unwrap()
}

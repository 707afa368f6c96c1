//! A file is streamed, not loaded.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use crate::support::{Files, Gate, Running, memory_kb, run_command};

/// What a run may take, in kilobytes: it does not grow with the number of lines.
const MOST_KB: u64 = 110 * 1024;

#[test]
fn two_hundred_thousand_lines_need_no_more_memory_than_a_few() {
    let (files, gate) = (Files::new(), Gate::start());
    let mut run = Running::start(
        run_command(&[
            &"--jobs",
            &"-",
            &"--results",
            &files.path("results"),
            &"--concurrency",
            &"2",
        ])
        .stdin(Stdio::piped()),
    );
    let mut stdin = run.0.stdin.take().unwrap();
    let url = gate.url("/");
    let writer = std::thread::spawn(move || {
        let mut lines = String::new();
        for i in 0..200_000 {
            use std::fmt::Write as _;
            let _ = writeln!(lines, "{{\"id\":\"job-{i:0>40}\",\"url\":\"{url}\"}}");
            if lines.len() > 60_000 {
                stdin.write_all(lines.as_bytes()).unwrap();
                lines.clear();
            }
        }
        // A line that is rejected shows that all before it were queued.
        lines.push_str("the end\n");
        stdin.write_all(lines.as_bytes()).unwrap();
    });
    // Two jobs are under way and wait; all others must wait in the queue.
    let _held = [gate.next(), gate.next()];
    let mut reported = String::new();
    BufReader::new(run.0.stderr.as_mut().unwrap())
        .read_line(&mut reported)
        .unwrap();
    assert!(reported.contains("200001"), "{reported}");
    writer.join().unwrap();
    let peak = memory_kb(run.0.id(), "VmHWM");
    assert!(peak < MOST_KB, "{peak} kB");
}

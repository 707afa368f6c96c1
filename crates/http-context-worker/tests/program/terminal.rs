//! What one sees who runs it in a terminal: a bar that says how far it is, and is gone at the end.

use std::process::Command;

use crate::support::{Files, Gate, Running, job_lines, program, worker};

/// The command in a terminal of its own, by `script`. What it writes there is standard error here.
fn in_a_terminal(command: &Command) -> Command {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<String> = words
        .map(|word| format!("'{}'", word.to_str().unwrap()))
        .collect();
    let mut shell = program("sh");
    shell.args([
        "-c",
        "exec script --quiet --flush --return --command \"$0\" /dev/null >&2",
    ]);
    shell.arg(words.join(" ")).env("TERM", "xterm");
    shell
}

#[test]
fn a_bar_says_how_far_it_is_and_is_gone_at_the_end() {
    let (files, gate) = (Files::new(), Gate::start());
    let jobs = job_lines(["a", "b"].map(|id| (id.to_owned(), gate.url("/"))));
    files.write("jobs", format!("none\n{jobs}"));
    let mut command = files.command(&[("--rejects", "rejects")]);
    let mut run = Running::start(&mut in_a_terminal(command.args(["--concurrency", "1"])));
    gate.next().answer();
    let last = gate.next();
    run.read_stderr_until(" 1/2 jobs");
    run.read_stderr_until("1 rejected");
    last.answer();
    let done = run.wait();
    println!("{:?}", done.stderr);
    assert_eq!(done.code(), 2, "{}", done.stderr);
    let (_, told) = done.stderr.rsplit_once("\r\u{1b}[2K").unwrap();
    assert!(told.starts_with("  jobs                2   2 ok"), "{told}");
}

#[test]
fn what_is_written_beside_the_bar_stands_in_lines_of_its_own() {
    let (files, gate) = (Files::new(), Gate::start());
    let jobs = job_lines(["a", "b", "c"].map(|id| (id.to_owned(), gate.url("/"))));
    let jobs = files.write("jobs", format!("none\n{jobs}"));
    // Results and rejects go to the terminal, where nothing else is said.
    let mut command = worker();
    command
        .args(["run", "--concurrency", "1", "--jobs"])
        .arg(jobs);
    let mut run = Running::start(&mut in_a_terminal(&command));
    run.read_stderr_until("1 rejected");
    for done in 1..=3 {
        gate.next().answer();
        if done < 3 {
            run.read_stderr_until(&format!(" {done}/3 jobs"));
        }
    }
    let done = run.wait();
    assert_eq!(done.code(), 2, "{}", done.stderr);
    // What is drawn is wiped out, from the beginning of its line, before anything else is said.
    let lines: Vec<&str> = done.stderr.lines().collect();
    let said = lines
        .iter()
        .map(|line| line.rsplit("\r\u{1b}[2K").next().unwrap());
    let said: Vec<serde_json::Value> = said
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    let ids: Vec<_> = said.iter().filter_map(|line| line["id"].as_str()).collect();
    assert_eq!(ids, ["a", "b", "c"], "{}", done.stderr);
    assert_eq!(
        said.iter().filter(|line| line["line"] == 1).count(),
        1,
        "{}",
        done.stderr
    );
}

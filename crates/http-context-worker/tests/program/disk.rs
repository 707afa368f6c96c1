//! Disks that are full or read only, and states that are damaged: a sentence, exit code 2, and
//! nothing that was queued is lost.

use std::collections::HashMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use http_context_tests::nobody;
use serde_json::json;

use crate::crash::Random;
use crate::support::{
    Files, Finished, Gate, Running, Server, finish, job_lines, json_lines, nobody, run_command,
    to_lines, worker,
};

const N: usize = 150;

/// Jobs with long result lines.
fn jobs() -> String {
    let gone = nobody();
    to_lines(
        (0..N)
            .map(|i| json!({"id": format!("job-{i}"), "requests": vec![json!({"url": gone}); 20]})),
    )
}

fn command(files: &Files) -> Command {
    let mut command = files.command(&[("--state", "state")]);
    command.arg("--json");
    command
}

/// The same command in a shell that has said this first.
fn behind(setup: &str, command: &Command) -> Command {
    let mut shell = worker();
    let mut inner = Command::new("sh");
    for (name, value) in shell.get_envs() {
        match value {
            Some(value) => inner.env(name, value),
            None => inner.env_remove(name),
        };
    }
    shell = inner;
    shell.arg("-c").arg(format!("{setup}; exec \"$0\" \"$@\""));
    shell.arg(command.get_program()).args(command.get_args());
    shell
}

/// One sentence that says that something cannot be written, and no panic.
fn refused(done: &Finished) -> &str {
    assert_eq!(done.code(), 2, "{}", done.stderr);
    let lines: Vec<&str> = done.stderr.lines().collect();
    assert_eq!(lines.len(), 1, "{}", done.stderr);
    assert!(lines[0].starts_with("error: "), "{}", lines[0]);
    lines[0]
}

fn each_once(files: &Files) {
    let mut count: HashMap<String, usize> = HashMap::new();
    for line in files.json("results") {
        *count
            .entry(line["id"].as_str().unwrap().to_owned())
            .or_default() += 1;
    }
    assert_eq!(count.len(), N);
    assert!(count.values().all(|times| *times == 1));
}

/// No file may grow beyond a limit, which is what a full disk does to each of them; which of them
/// meets it first depends on the limit.
#[test]
fn on_a_full_disk_the_run_ends_in_words_and_goes_on_when_there_is_room() {
    let mut refusals = 0;
    for kilobytes in [8, 24, 56, 112, 225, 340] {
        let files = Files::new();
        files.write("jobs", jobs());
        // Without the trap the system would end the process itself. The shell counts in 512 bytes.
        let setup = format!("trap '' XFSZ; ulimit -f {}", kilobytes * 2);
        let done = finish(&mut behind(&setup, &command(&files)));
        if done.code() == 1 {
            continue;
        }
        let sentence = refused(&done);
        assert!(
            sentence.contains("the queue in") || sentence.contains("cannot write"),
            "{kilobytes}: {sentence}"
        );
        refusals += 1;
        let rest = finish(&mut command(&files));
        assert_eq!(rest.code(), 1, "{kilobytes}: {}", rest.stderr);
        assert_eq!(rest.summary()["jobs"]["failed"], N);
        each_once(&files);
    }
    assert!(refusals >= 3, "{refusals}");
}

#[test]
fn an_output_on_a_full_disk_is_named_and_its_job_stays_in_the_queue() {
    let (files, server) = (Files::new(), Server::start());
    let jobs = job_lines([("a".to_owned(), server.url("/item/1"))]) + "no job\n";
    files.write("jobs", jobs);
    let full = Path::new("/dev/full");
    for flag in ["--results", "--rejects"] {
        let mut command = run_command(&[&"--jobs", &files.path("jobs"), &"--json"]);
        let done = finish(command.arg(flag).arg(full));
        let sentence = done.stderr.lines().last().unwrap();
        assert_eq!(done.code(), 2, "{flag}: {}", done.stderr);
        assert_eq!(
            sentence,
            "error: cannot write /dev/full: No space left on device (os error 28)"
        );
    }
    let mut command = run_command(&[&"--jobs", &files.path("jobs"), &"--results"]);
    command
        .arg(files.path("results"))
        .arg("--metrics-file")
        .arg(full);
    let done = finish(command.arg("--rejects").arg(files.path("rejects")));
    assert_eq!(
        refused(&done),
        "error: cannot write the metrics to /dev/full: No space left on device (os error 28)"
    );
    assert_eq!(files.json("results").len(), 1);

    let state = files.path("state");
    let command = |results: &Path| {
        let mut command = run_command(&[&"--jobs", &files.path("jobs"), &"--state", &state]);
        command
            .arg("--results")
            .arg(results)
            .args(["--json", "--rejects", "/dev/null"]);
        finish(&mut command)
    };
    assert_eq!(command(full).code(), 2);
    let sentence = command(&files.path("other")).stderr;
    assert!(
        sentence.contains("is not finished and writes its results to /dev/full"),
        "{sentence}"
    );
}

fn chmod(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_state_that_is_read_only_is_named_and_kept() {
    let (files, gate) = (Files::new(), Gate::start());
    files.write("jobs", job_lines([("a".to_owned(), gate.url("/"))]));
    // Root may write anywhere, so the program runs as somebody else: a copy that everybody may read, wherever this
    // one is.
    let program = files.path("worker");
    std::fs::copy(env!("CARGO_BIN_EXE_http-context-worker"), &program).unwrap();
    chmod(program.parent().unwrap(), 0o777);
    let mut command = Command::new(&program);
    command.arg("run").arg("--jobs").arg(files.path("jobs"));
    command.arg("--results").arg(files.path("results"));
    command
        .arg("--state")
        .arg(files.path("state"))
        .arg("--json");
    let first = Running::start(nobody::run(&mut command));
    let _held = gate.next();
    drop(first);

    let (state, database) = (files.path("state"), files.path("state/queue.sqlite"));
    chmod(&database, 0o444);
    let done = finish(nobody::run(&mut command));
    assert!(
        refused(&done).contains("readonly database"),
        "{}",
        done.stderr
    );
    chmod(&files.path("state/lock"), 0o444);
    let done = finish(nobody::run(&mut command));
    assert!(
        refused(&done).contains("cannot use the state"),
        "{}",
        done.stderr
    );

    for (path, mode) in [
        (&database, 0o644),
        (&files.path("state/lock"), 0o644),
        (&state, 0o700),
    ] {
        chmod(path, mode);
    }
    let rest = Running::start(nobody::run(&mut command));
    gate.next().answer();
    let done = rest.wait();
    assert_eq!(done.code(), 0, "{}", done.stderr);
    assert_eq!(json_lines(&files.read("results"))[0]["id"], "a");
}

/// Whatever is wrong with the database, the run ends, in words or with every line once.
#[test]
fn a_damaged_state_never_makes_the_program_panic_hang_or_write_a_result_twice() {
    let (files, gate) = (Files::new(), Gate::start());
    files.write(
        "jobs",
        job_lines((0..300).map(|i| (format!("job-{i}"), gate.url("/")))),
    );
    let first = Running::start(command(&files).args(["--drain-timeout", "0"]));
    let held = gate.next();
    first.signal("TERM");
    assert_eq!(first.wait().code(), 143);
    drop((held, gate));
    // Tidied up at the end: all of it is in one file.
    let whole = std::fs::read(files.path("state/queue.sqlite")).unwrap();
    assert!(whole.len() > 50_000);
    let mut random = Random(0x5eed_0006);
    let mut refusals = 0;
    for round in 0..24 {
        let mut damaged = whole.clone();
        for _ in 0..=random.below(40) {
            let at = usize::try_from(random.below(damaged.len() as u64)).unwrap();
            damaged[at] = random.below(256).to_le_bytes()[0];
        }
        if round % 5 == 4 {
            let to = usize::try_from(random.below(damaged.len() as u64)).unwrap();
            damaged.truncate(to);
        }
        std::fs::write(files.path("state/queue.sqlite"), damaged).unwrap();
        let _ = std::fs::remove_file(files.path("state/queue.sqlite-wal"));
        let _ = std::fs::remove_file(files.path("state/queue.sqlite-shm"));
        let _ = std::fs::remove_file(files.path("results"));
        let mut limited = Command::new("timeout");
        let command = command(&files);
        limited
            .arg("60")
            .arg(command.get_program())
            .args(command.get_args());
        let done = finish(&mut limited);
        assert!([0, 1, 2].contains(&done.code()), "{round}: {}", done.stderr);
        assert!(
            !done.stderr.contains("panicked"),
            "{round}: {}",
            done.stderr
        );
        if done.code() == 2 && done.stderr.starts_with("error: ") {
            refused(&done);
            refusals += 1;
        }
        let lines = json_lines(&std::fs::read_to_string(files.path("results")).unwrap_or_default());
        let mut ids: Vec<String> = lines.iter().map(|line| line["id"].to_string()).collect();
        let all = ids.len();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), all, "{round}");
    }
    assert!(refusals > 0);
}

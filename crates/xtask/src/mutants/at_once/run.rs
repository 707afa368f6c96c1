//! Runs one test of a program, up to a limit of time.

use std::{
    ffi::OsStr,
    os::unix::process::{CommandExt as _, ExitStatusExt as _},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use super::build::Program;

/// How a test ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Passed,
    Failed,
    /// It did not end in time, and was killed.
    Hung,
}

/// The names of its tests.
pub(super) fn tests_of(program: &Program) -> Result<Vec<String>, String> {
    let mut command = start(program, &["--list", "--format", "terse"]);
    let listed = crate::command::output(&mut command)?;
    Ok(names_in(&listed).map(ToOwned::to_owned).collect())
}

fn names_in(listed: &str) -> impl Iterator<Item = &str> {
    listed
        .lines()
        .filter_map(|line| line.strip_suffix(": test"))
}

/// Runs one, and says how long it took.
pub(super) fn run(
    program: &Program,
    test: &str,
    variable: (&str, &OsStr),
    limit: Duration,
) -> Result<(End, Duration), String> {
    let mut command = start(program, &["--exact", test, "--test-threads", "1"]);
    command.env(variable.0, variable.1);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    // With what it starts, so that nothing of it is left after it was killed.
    command.process_group(0);
    let begun = now();
    let child = command
        .spawn()
        .map_err(|error| format!("{} did not start: {error}", program.path.display()))?;
    let end = end_of(child, limit)?;
    Ok((end, now().duration_since(begun)))
}

fn start(program: &Program, arguments: &[&str]) -> Command {
    let mut command = Command::new(&program.path);
    command.args(arguments).current_dir(&program.folder);
    // As cargo does.
    command.env("CARGO_MANIFEST_DIR", &program.folder);
    command.env("RUST_BACKTRACE", "0");
    command
}

fn end_of(mut child: Child, limit: Duration) -> Result<End, String> {
    let group = child.id();
    let (sender, ended) = mpsc::channel();
    let waits = thread::spawn(move || {
        let status = child.wait();
        // Nobody listens any more where the limit has passed.
        let _ = sender.send(status);
    });
    let end = match ended.recv_timeout(limit) {
        Ok(Ok(status)) if status.success() => End::Passed,
        // Somebody else ended it.
        Ok(Ok(status)) if status.signal() == Some(9) => return Err("a test was killed".to_owned()),
        Ok(Ok(_)) => End::Failed,
        Ok(Err(error)) => return Err(format!("a test cannot be waited for: {error}")),
        Err(_) => End::Hung,
    };
    // What a test started and did not end is not to stay.
    let _ = Command::new("kill")
        .args(["-KILL", "--", &format!("-{group}")])
        .stderr(Stdio::null())
        .status();
    waits.join().map_err(|_| "a thread panicked".to_owned())?;
    Ok(end)
}

#[expect(clippy::disallowed_methods, reason = "there is no runtime here")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(script: &str, limit: Duration) -> Result<End, String> {
        let mut command = Command::new("sh");
        command.args(["-c", script]).process_group(0);
        end_of(command.spawn().unwrap(), limit)
    }

    #[test]
    fn a_test_passes_fails_or_hangs() {
        let long = Duration::from_mins(1);
        assert_eq!(ended("exit 0", long), Ok(End::Passed));
        assert_eq!(ended("exit 101", long), Ok(End::Failed));
        assert_eq!(ended("kill -ABRT $$", long), Ok(End::Failed));
        assert!(ended("kill -KILL $$", long).is_err());
        let short = Duration::from_millis(50);
        assert_eq!(ended("sleep 60 & sleep 60", short), Ok(End::Hung));
    }

    #[test]
    fn tests_are_read_from_the_list_of_a_program() {
        let listed = "a::b: test\nc: benchmark\nd: test\n";
        assert_eq!(names_in(listed).collect::<Vec<_>>(), ["a::b", "d"]);
    }
}

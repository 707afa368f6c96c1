//! Running other programs. Each command is printed first.

use std::{
    ffi::OsStr,
    io::{self, BufRead, BufReader, Write},
    process::{Command, ExitStatus, Stdio},
};

use crate::failed_tests::FailedTests;

/// Runs a command whose output goes to the user, and fails when it fails.
pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    run_with(command, |_| false)
}

/// As [`run`]; some non-zero exit codes count as success.
pub(crate) fn run_with(
    command: &mut Command,
    ends_well: impl FnOnce(i32) -> bool,
) -> Result<(), String> {
    println!("$ {}", shown(command));
    let status = command
        .stdin(Stdio::null())
        .status()
        .map_err(|error| not_started(command, &error))?;
    if status.success() || status.code().is_some_and(ends_well) {
        Ok(())
    } else {
        Err(ended(command, status))
    }
}

/// Runs tests whose output goes to the user. When some fail, the error says which, and what they printed: in a long
/// output they are hard to find.
pub(crate) fn run_tests(command: &mut Command) -> Result<(), String> {
    println!("$ {}", shown(command));
    let mut tests = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| not_started(command, &error))?;
    let mut failed = FailedTests::default();
    let passed_on = tests.stdout.take().map_or(Ok(()), |output| {
        for line in BufReader::new(output).split(b'\n') {
            let line = line?;
            let mut stdout = io::stdout().lock();
            stdout.write_all(&line)?;
            stdout.write_all(b"\n")?;
            failed.read(&String::from_utf8_lossy(&line));
        }
        Ok(())
    });
    let status = tests
        .wait()
        .and_then(|status| passed_on.map(|()| status))
        .map_err(|error: io::Error| format!("`{}`: {error}", shown(command)))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{}{failed}", ended(command, status)))
    }
}

fn not_started(command: &Command, error: &io::Error) -> String {
    format!("`{}` did not start: {error}", shown(command))
}

fn ended(command: &Command, status: ExitStatus) -> String {
    format!("`{}` ended with {status}", shown(command))
}

/// Runs a command, and returns its standard output.
pub(crate) fn output(command: &mut Command) -> Result<String, String> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .output()
        .map_err(|error| not_started(command, &error))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!(
            "{}: {}",
            ended(command, output.status),
            said.trim()
        ));
    }
    String::from_utf8(output.stdout)
        .map_err(|_| format!("`{}` printed something that is not UTF-8", shown(command)))
}

/// Fails with all that failed, each in lines of its own: one is not kept back for another.
pub(crate) fn none_failed(failed: &[String]) -> Result<(), String> {
    if failed.is_empty() {
        Ok(())
    } else {
        Err(failed.join("\n"))
    }
}

/// The cargo that runs this program. In continuous integration it must not
/// touch `Cargo.lock`.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    // Right after the subcommand: the last of these may be an option whose value comes yet.
    let (subcommand, options) = arguments.split_at(arguments.len().min(1));
    let mut command = cargo_unlocked(subcommand);
    if std::env::var_os("CI").is_some() {
        command.arg("--locked");
    }
    command.args(options);
    command
}

/// As [`cargo`], for what has no `--locked` or a lock file of its own making.
pub(crate) fn cargo_unlocked(arguments: &[&str]) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(arguments);
    for (name, _) in std::env::vars_os().filter(|(name, _)| is_of_this_crate(name)) {
        command.env_remove(name);
    }
    command
}

/// What cargo has told this program of its own crate. A build script that looks at such a variable would run anew,
/// and all that needs its crate be built anew, whenever one had called cargo by oneself in between.
fn is_of_this_crate(variable: &OsStr) -> bool {
    let name = variable.to_string_lossy();
    let of_crate = ["CARGO_MANIFEST_", "CARGO_PKG_"];
    of_crate.iter().any(|prefix| name.starts_with(prefix))
}

/// The command as one would type it, without the folder of the program.
fn shown(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let program = program.file_name().unwrap_or(program.as_os_str());
    std::iter::once(program)
        .chain(command.get_args())
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_of_tests_has_what_those_that_failed_have_said() {
        let said =
            r"test a ... FAILED\n\nfailures:\n\n---- a stdout ----\nwrong\n\nfailures:\n    a\n";
        let mut tests = Command::new("sh");
        tests.args(["-c", &format!("printf '{said}'; exit 101")]);
        let error = run_tests(&mut tests).unwrap_err();
        let (how, what) = error.split_once('\n').unwrap();
        assert!(how.ends_with("ended with exit status: 101"), "{error}");
        assert_eq!(what, "a FAILED\n    wrong");
        assert_eq!(run_tests(&mut Command::new("true")), Ok(()));
    }
    #[test]
    fn of_several_that_failed_none_is_kept_back() {
        let failed = ["one", "another"].map(str::to_owned);
        assert_eq!(none_failed(&failed), Err("one\nanother".to_owned()));
        assert_eq!(none_failed(&[]), Ok(()));
    }
}

//! Builds the copy, and takes out the changes with which it cannot be built.

use std::{
    collections::{BTreeSet, HashSet},
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;

use super::{changes::Change, copy::Copy, errors, results::Key};
use crate::{
    command::cargo_unlocked,
    mutants::{LIBRARIES, QUICK},
};

/// Packages whose features count.
const TESTS: &str = "http-context-tests";

/// After so many rounds there is something wrong with this program.
const MOST_ROUNDS: usize = 60;

/// A program of tests.
#[derive(Debug, Clone)]
pub(super) struct Program {
    pub(super) name: String,
    pub(super) path: PathBuf,
    /// The folder of its package, where its tests run.
    pub(super) folder: PathBuf,
}

/// What is known of it, in a file.
#[derive(Debug)]
pub(super) struct Built {
    pub(super) programs: Vec<Program>,
    /// Changes that are not in it.
    pub(super) left_out: HashSet<u32>,
}

pub(super) fn build(
    copy: &Copy<'_>,
    changes: &[Change],
    keys: &[Key],
    suites: &[&str],
    folder: &Path,
) -> Result<Built, String> {
    let (target, known) = (&folder.join("target"), &folder.join("left-out.txt"));
    let mut left_out = read_left_out(known, changes, keys);
    for round in 1..=MOST_ROUNDS {
        let places = copy.write(changes, &left_out)?;
        let has_place: HashSet<u32> = places
            .values()
            .flatten()
            .map(|place| place.change)
            .collect();
        let placeless = changes.iter().map(|one| one.number);
        left_out.extend(placeless.filter(|number| !has_place.contains(number)));
        let mut check = compile(copy, target, "check");
        check.args(["--profile", "test", "--lib", "--keep-going"]);
        let mut messages = messages(&mut check)?;
        let mut programs = Vec::new();
        if messages.1 {
            let mut tests = compile(copy, target, "test");
            tests.args(["--no-run", "--lib"]);
            for suite in QUICK.iter().chain(suites) {
                tests.args(["--test", suite]);
            }
            messages = self::messages(&mut tests)?;
            programs = programs_in(&messages.0);
        }
        if messages.1 {
            return Ok(Built { programs, left_out });
        }
        let errors = errors::read(&messages.0);
        let mut blamed = HashSet::new();
        let mut unexplained = Vec::new();
        for error in &errors {
            let of_it = error.blamed(&places);
            if of_it.is_empty() {
                unexplained.push(error.text.as_str());
            }
            blamed.extend(of_it);
        }
        println!(
            "round {round}: {} errors, {} changes are taken out",
            errors.len(),
            blamed.len()
        );
        if blamed.is_empty() {
            return Err(format!(
                "no change is to blame:\n{}",
                unexplained.join("\n")
            ));
        }
        left_out.extend(blamed);
        write_left_out(known, &left_out, keys)?;
    }
    Err("it is not built after many rounds".to_owned())
}

fn compile(copy: &Copy<'_>, target: &Path, how: &str) -> Command {
    let mut command = cargo_unlocked(&[how]);
    command.current_dir(&copy.folder);
    command.args(["--quiet", "--message-format", "json", "-p", TESTS]);
    for library in LIBRARIES {
        command.args(["-p", library]);
    }
    command.arg("--target-dir").arg(target);
    command
}

/// What cargo says, and whether it ended well.
fn messages(command: &mut Command) -> Result<(String, bool), String> {
    command.stdin(Stdio::null()).stderr(Stdio::inherit());
    let output = command
        .output()
        .map_err(|error| format!("cargo did not start: {error}"))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok((said, output.status.success()))
}

fn programs_in(messages: &str) -> Vec<Program> {
    let messages = messages
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    let programs = messages.filter_map(|message: Value| {
        let path = message["executable"].as_str()?;
        let manifest = PathBuf::from(message["manifest_path"].as_str()?);
        if message["profile"]["test"] != true {
            return None;
        }
        Some(Program {
            name: message["target"]["name"].as_str()?.to_owned(),
            path: path.into(),
            folder: manifest.parent()?.to_owned(),
        })
    });
    programs.collect()
}

/// Those that were taken out before, of files that have not changed.
fn read_left_out(known: &Path, changes: &[Change], keys: &[Key]) -> HashSet<u32> {
    let text = fs::read_to_string(known).unwrap_or_default();
    let known: HashSet<&str> = text.lines().collect();
    let all = changes.iter().zip(keys);
    let left_out = all.filter(|(_, key)| known.contains(key.0.as_str()));
    left_out.map(|(change, _)| change.number).collect()
}

fn write_left_out(known: &Path, left_out: &HashSet<u32>, keys: &[Key]) -> Result<(), String> {
    let ordered: BTreeSet<&u32> = left_out.iter().collect();
    let lines = ordered
        .into_iter()
        .filter_map(|number| keys.get(usize::try_from(*number).ok()?))
        .map(|key| format!("{}\n", key.0));
    fs::write(known, lines.collect::<String>())
        .map_err(|error| format!("{}: {error}", known.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_of_tests_are_found_among_what_was_built() {
        let program = r#"{"executable":"/x/pool-1","manifest_path":"/y/tests/Cargo.toml","profile":{"test":true},"target":{"name":"pool"}}"#;
        let library = r#"{"executable":null,"manifest_path":"/y/a/Cargo.toml","profile":{"test":false},"target":{"name":"a"}}"#;
        let found = programs_in(&format!("{program}\n{library}\n"));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].name, "pool");
        assert_eq!(found[0].folder, PathBuf::from("/y/tests"));
    }
}

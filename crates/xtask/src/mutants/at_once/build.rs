//! Builds the copy, and takes out the changes with which it cannot be built.

use std::{
    collections::{BTreeSet, HashSet},
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;

use super::{
    changes::Change,
    copy::{Places, SwitchedCopy},
    errors,
    results::Key,
};
use crate::{
    command::cargo_unlocked,
    mutants::{LIBRARIES, QUICK},
};

/// It has the suites.
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

#[derive(Debug)]
pub(super) struct Built {
    pub(super) programs: Vec<Program>,
    /// Changes that are not in it.
    pub(super) left_out: HashSet<u32>,
}

/// What cargo had to say.
struct Said {
    messages: String,
    /// What it says to people.
    besides: String,
    is_good: bool,
}

/// Builds the tests of the libraries, with these suites besides the quick ones. What is taken out is noted in `folder`,
/// so that the next time begins without it.
pub(super) fn build(
    copy: &SwitchedCopy<'_>,
    changes: &[Change],
    keys: &[Key],
    suites: &[&str],
    folder: &Path,
) -> Result<Built, String> {
    let (target, known) = (&folder.join("target"), &folder.join("left-out.txt"));
    let mut left_out = read_left_out(known, changes, keys);
    for round in 1..=MOST_ROUNDS {
        let places = copy.write(changes, &left_out)?;
        let switched = places.values().flatten();
        let switched: HashSet<u32> = switched.map(|place| place.change).collect();
        let all = changes.iter().map(|one| one.number);
        left_out.extend(all.filter(|number| !switched.contains(number)));
        let said = compiled(copy, target, suites)?;
        if said.is_good {
            let programs = programs_in(&said.messages);
            return Ok(Built { programs, left_out });
        }
        let blamed = blamed(&said, &places)?;
        println!("round {round}: {} changes are taken out", blamed.len());
        left_out.extend(blamed);
        write_left_out(known, &left_out, keys)?;
    }
    Err("it is not built after many rounds".to_owned())
}

/// The changes that some error is about, of which there are some.
fn blamed(said: &Said, places: &Places) -> Result<HashSet<u32>, String> {
    let mut blamed = HashSet::new();
    let mut unexplained = Vec::new();
    for error in errors::read(&said.messages) {
        let of_it = error.blamed(places);
        if of_it.is_empty() {
            unexplained.push(error.text);
        }
        blamed.extend(of_it);
    }
    if blamed.is_empty() {
        let unexplained = unexplained.join("\n");
        return Err(format!(
            "no change is to blame for this:\n{unexplained}{}",
            said.besides
        ));
    }
    Ok(blamed)
}

/// Compiles the libraries alone first, which is done sooner.
fn compiled(copy: &SwitchedCopy<'_>, target: &Path, suites: &[&str]) -> Result<Said, String> {
    let mut check = compile(copy, target, "check");
    let said = said(check.args(["--profile", "test", "--lib", "--keep-going"]))?;
    if !said.is_good {
        return Ok(said);
    }
    let mut build = compile(copy, target, "test");
    build.args(["--no-run", "--lib"]);
    for suite in QUICK.iter().chain(suites) {
        build.args(["--test", suite]);
    }
    self::said(&mut build)
}

fn compile(copy: &SwitchedCopy<'_>, target: &Path, how: &str) -> Command {
    let mut command = cargo_unlocked(&[how]);
    command.current_dir(&copy.folder);
    command.args(["--quiet", "--message-format", "json", "-p", TESTS]);
    for library in LIBRARIES {
        command.args(["-p", library]);
    }
    command.arg("--target-dir").arg(target);
    command
}

fn said(command: &mut Command) -> Result<Said, String> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("cargo did not start: {error}"))?;
    Ok(Said {
        messages: String::from_utf8_lossy(&output.stdout).into_owned(),
        besides: String::from_utf8_lossy(&output.stderr).into_owned(),
        is_good: output.status.success(),
    })
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

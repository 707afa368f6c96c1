//! What became of each change, in a file to which each result is added as it comes, so that a run that was stopped goes
//! on where it was.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::Write as _,
    path::Path,
    sync::{Mutex, PoisonError},
};

use serde_json::{Value, json};

use super::changes::Change;

/// A change of one text of its file.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key(pub(super) String);

/// What tests said to a change.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Outcome {
    pub(super) verdict: Verdict,
    /// The test that failed.
    pub(super) by: Option<String>,
    /// Those that passed, which need not meet it again.
    pub(super) passed: Vec<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(super) enum Verdict {
    /// It is not behind a switch.
    NotBuilt,
    /// A test failed, twice.
    Caught,
    /// A test did not end, twice.
    Hung,
    /// All tests that reach it passed.
    Missed,
    /// Tests passed, for as many seconds as there were, and there are more.
    NotYet,
    /// No test reaches it.
    NotReached,
    /// It has met no test yet.
    #[default]
    NotRun,
}

impl Verdict {
    pub(super) const ALL: [(Self, &'static str); 7] = [
        (Self::NotBuilt, "not built"),
        (Self::Caught, "caught"),
        (Self::Hung, "hung"),
        (Self::Missed, "missed"),
        (Self::NotYet, "not yet caught"),
        (Self::NotReached, "not reached"),
        (Self::NotRun, "not run"),
    ];

    pub(super) fn name(self) -> &'static str {
        let found = Self::ALL.iter().find(|(one, _)| *one == self);
        found.map_or("", |(_, name)| name)
    }

    fn named(name: &str) -> Option<Self> {
        let mut all = Self::ALL.iter();
        all.find(|(_, one)| *one == name).map(|(one, _)| *one)
    }
}

/// The key of each change, in their order.
pub(super) fn keys(root: &Path, changes: &[Change]) -> Result<Vec<Key>, String> {
    let mut hashes: HashMap<&str, u64> = HashMap::new();
    let keys = changes.iter().map(|change| {
        let known = hashes.get(change.file.as_str()).copied();
        let of_text = || {
            let text = fs::read(root.join(&change.file));
            text.map(|text| hash(&text))
        };
        let hash = known.map_or_else(of_text, Ok);
        let hash = hash.map_err(|error| format!("{}: {error}", change.file))?;
        hashes.insert(&change.file, hash);
        Ok(Key(format!("{hash:016x} {}", change.name)))
    });
    keys.collect()
}

/// FNV-1a, which is the same with every version of the standard library.
pub(super) fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The file.
#[derive(Debug)]
pub(super) struct Results {
    file: Mutex<File>,
    pub(super) known: HashMap<Key, Outcome>,
}

impl Results {
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        let text = fs::read_to_string(path).unwrap_or_default();
        let lines = text
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        // A later line says more.
        let known = lines.filter_map(|line| read(&line)).collect();
        let file = File::options().append(true).create(true).open(path);
        let file = file.map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self {
            file: Mutex::new(file),
            known,
        })
    }

    pub(super) fn add(&self, key: &Key, outcome: &Outcome) -> Result<(), String> {
        let line = json!({
            "change": key.0,
            "verdict": outcome.verdict.name(),
            "by": outcome.by,
            "passed": outcome.passed,
        });
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(format!("{line}\n").as_bytes())
            .map_err(|error| format!("a result cannot be written: {error}"))
    }
}

/// Leaves what no test noticed to be tried anew.
pub(super) fn forget_unnoticed(path: &Path) -> Result<(), String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let is_noticed = |line: &&str| {
        let line = serde_json::from_str(line).unwrap_or_default();
        read(&line).is_some_and(|(_, one)| matches!(one.verdict, Verdict::Caught | Verdict::Hung))
    };
    let mut kept = String::new();
    for line in text.lines().filter(is_noticed) {
        kept.push_str(line);
        kept.push('\n');
    }
    fs::write(path, kept).map_err(|error| format!("{}: {error}", path.display()))
}

fn read(line: &Value) -> Option<(Key, Outcome)> {
    let passed = line["passed"].as_array()?.iter();
    let outcome = Outcome {
        verdict: Verdict::named(line["verdict"].as_str()?)?,
        by: line["by"].as_str().map(ToOwned::to_owned),
        passed: passed
            .filter_map(|one| Some(one.as_str()?.to_owned()))
            .collect(),
    };
    Some((Key(line["change"].as_str()?.to_owned()), outcome))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mutants::at_once::samples;

    /// A folder that is gone when the test ends.
    struct Folder(std::path::PathBuf);

    impl Folder {
        fn of(test: &str) -> Self {
            let name = format!("xtask-results-{test}-{}", std::process::id());
            let folder = std::env::temp_dir().join(name);
            fs::create_dir_all(&folder).unwrap();
            Self(folder)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    fn outcome(verdict: Verdict, by: Option<&str>, passed: &[&str]) -> Outcome {
        Outcome {
            verdict,
            by: by.map(ToOwned::to_owned),
            passed: passed.iter().map(|one| (*one).to_owned()).collect(),
        }
    }

    #[test]
    fn what_was_written_is_read_and_a_later_line_counts() {
        let folder = Folder::of("later");
        let path = folder.0.join("results.jsonl");
        let key = Key("1 a".to_owned());
        let missed = outcome(Verdict::Missed, None, &["pool x"]);
        let caught = outcome(Verdict::Caught, Some("pool y"), &[]);
        for outcome in [&missed, &caught] {
            let results = Results::open(&path).unwrap();
            results.add(&key, outcome).unwrap();
            assert_eq!(Results::open(&path).unwrap().known[&key], *outcome);
        }
    }

    #[test]
    fn what_no_test_noticed_is_forgotten_and_the_rest_is_not() {
        let folder = Folder::of("forgotten");
        let path = folder.0.join("results.jsonl");
        let results = Results::open(&path).unwrap();
        for (verdict, name) in Verdict::ALL {
            let key = Key(name.to_owned());
            results.add(&key, &outcome(verdict, None, &[])).unwrap();
        }
        forget_unnoticed(&path).unwrap();
        let kept = Results::open(&path).unwrap().known;
        let mut kept: Vec<&str> = kept.keys().map(|key| key.0.as_str()).collect();
        kept.sort_unstable();
        assert_eq!(kept, ["caught", "hung"]);
    }

    #[test]
    fn the_key_of_a_change_is_another_one_once_its_file_has_changed() {
        let folder = Folder::of("keys");
        let change = Change {
            name: "a.rs:1:1: delete !".to_owned(),
            ..samples::change()
        };
        let changes = [change];
        let key_of = |text: &str| {
            fs::write(folder.0.join("a.rs"), text).unwrap();
            keys(&folder.0, &changes).unwrap().remove(0)
        };
        assert_eq!(key_of("!a"), key_of("!a"));
        assert_ne!(key_of("!a"), key_of("!b"));
        assert!(key_of("!a").0.ends_with(" a.rs:1:1: delete !"));
        fs::remove_file(folder.0.join("a.rs")).unwrap();
        assert!(keys(&folder.0, &changes).is_err());
    }

    #[test]
    fn each_verdict_has_a_name_of_its_own() {
        for (verdict, name) in Verdict::ALL {
            assert_eq!(Verdict::named(name), Some(verdict));
            assert_eq!(verdict.name(), name);
        }
    }
}

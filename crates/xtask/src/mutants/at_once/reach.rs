//! Which changes each test reaches, and how long it takes without any.

use std::{
    collections::{BTreeSet, HashMap},
    fs::{self, File},
    io::Write as _,
    path::Path,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use serde_json::{Value, json};

use super::{
    build::Program,
    in_parallel,
    run::{self, End},
};

/// A test that passes without any change.
#[derive(Debug, Clone)]
pub(super) struct Test {
    pub(super) program: Program,
    pub(super) name: String,
    pub(super) took: Duration,
    pub(super) reaches: Vec<u32>,
}

/// A test that takes longer without any change is of no use here.
const LIMIT: Duration = Duration::from_mins(2);
/// The name of the variable with the file in which the switches note who is asked.
const RECORD: &str = "MUTANT_RECORD";

impl Test {
    /// With its program.
    pub(super) fn full_name(&self) -> String {
        format!("{} {}", self.program.name, self.name)
    }
}

/// What was measured before holds as long as the programs are the same. A test that fails is left out, and named.
pub(super) fn measure(
    programs: &[Program],
    folder: &Path,
    jobs: usize,
) -> Result<Vec<Test>, String> {
    let path = folder.join("reach.jsonl");
    let text = fs::read_to_string(&path).unwrap_or_default();
    let lines = text
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    let known: HashMap<String, Value> = lines
        .filter_map(|line: Value| Some((line["test"].as_str()?.to_owned(), line)))
        .collect();
    let mut kept = Vec::new();
    let mut new = Vec::new();
    for program in programs {
        let stamp = stamp(program)?;
        for name in run::tests_of(program)? {
            let name = format!("{stamp} {} {name}", program.name);
            match known.get(&name) {
                Some(line) => kept.push((program, line.clone())),
                None => new.push((program, name)),
            }
        }
    }
    println!("{} tests are run without any change", new.len());
    let file = File::options().append(true).create(true).open(&path);
    let file = Mutex::new(file.map_err(|error| format!("{}: {error}", path.display()))?);
    let measured = in_parallel(jobs, &new, |number, (program, name)| {
        let line = measure_one(program, name, &folder.join(format!("record-{number}")))?;
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(format!("{line}\n").as_bytes())
            .map_err(|error| format!("{}: {error}", path.display()))?;
        Ok((*program, line))
    })?;
    let mut passing = Vec::new();
    for (program, line) in kept.into_iter().chain(measured) {
        match test(program, &line) {
            Some(passes) => passing.push(passes),
            None => println!("fails without any change: {}", line["test"]),
        }
    }
    Ok(passing)
}

fn measure_one(program: &Program, name: &str, record: &Path) -> Result<Value, String> {
    let test = bare(name);
    let (mut end, mut took) = run::run(program, test, (RECORD, record.as_os_str()), LIMIT)?;
    if end == End::Failed {
        (end, took) = run::run(program, test, (RECORD, record.as_os_str()), LIMIT)?;
    }
    let bytes = fs::read(record).unwrap_or_default();
    // It is not there where a test reaches none.
    let _ = fs::remove_file(record);
    Ok(json!({
        "test": name,
        "passed": end == End::Passed,
        "seconds": took.as_secs_f64(),
        "reaches": numbers(&bytes),
    }))
}

/// Without stamp and program.
fn bare(name: &str) -> &str {
    name.splitn(3, ' ').nth(2).unwrap_or(name)
}

fn numbers(bytes: &[u8]) -> BTreeSet<u32> {
    let (numbers, _) = bytes.as_chunks();
    numbers
        .iter()
        .map(|number| u32::from_le_bytes(*number))
        .collect()
}

fn test(program: &Program, line: &Value) -> Option<Test> {
    let reaches = line["reaches"].as_array()?.iter();
    let reaches = reaches.filter_map(|number| u32::try_from(number.as_u64()?).ok());
    let test = Test {
        program: program.clone(),
        name: bare(line["test"].as_str()?).to_owned(),
        took: Duration::try_from_secs_f64(line["seconds"].as_f64()?).ok()?,
        reaches: reaches.collect(),
    };
    (line["passed"] == true).then_some(test)
}

/// It is another one after each time that the program was built.
fn stamp(program: &Program) -> Result<String, String> {
    let built = fs::metadata(&program.path).and_then(|known| known.modified());
    let built = built.map_err(|error| format!("{}: {error}", program.path.display()))?;
    let since = built
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    Ok(since.as_nanos().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mutants::at_once::samples::program;

    #[test]
    fn a_test_is_read_as_it_was_written_and_one_that_fails_is_none() {
        let program = program("pool");
        let mut line =
            json!({"test": "7 pool a::b", "passed": true, "seconds": 0.5, "reaches": [1, 9]});
        let read = test(&program, &line).unwrap();
        assert_eq!(read.full_name(), "pool a::b");
        assert_eq!(
            (read.took.as_millis(), &read.reaches[..]),
            (500, &[1, 9][..])
        );
        line["passed"] = json!(false);
        assert!(test(&program, &line).is_none());
    }

    #[test]
    fn a_record_that_was_cut_off_says_what_it_has() {
        let bytes = [[7, 0, 0, 0], [2, 1, 0, 0]].concat();
        assert_eq!(Vec::from_iter(numbers(&bytes)), [7, 258]);
        assert_eq!(Vec::from_iter(numbers(&bytes[..7])), [7]);
    }
}

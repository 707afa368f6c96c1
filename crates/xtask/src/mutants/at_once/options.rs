//! The options of `cargo xtask mutants --at-once`.

use std::time::Duration;

/// How long the tests of one change may take together.
const BUDGET: Duration = Duration::from_secs(15);
/// They wait more than they compute.
const JOBS: usize = 8;

/// Those beside [`super::super::QUICK`] that take seconds, and need no program beyond Rust.
const LONGER: [&str; 14] = [
    "auto_traits",
    "bounds",
    "cancellation",
    "cut",
    "dashboards",
    "faults",
    "fuzz_corpus",
    "guide",
    "hostile",
    "redaction",
    "servers",
    "threads",
    "transcript",
    "websocket_exits",
];

#[derive(Debug, PartialEq)]
pub(super) struct Options<'a> {
    pub(super) budget: Duration,
    pub(super) jobs: usize,
    /// Suites beside the quick ones.
    pub(super) suites: &'static [&'static str],
    /// Whether what no test noticed meets all of them anew.
    pub(super) is_again: bool,
    /// Whether it only says what is known.
    pub(super) is_report: bool,
    /// Those of cargo-mutants that choose changes.
    pub(super) of_list: Vec<&'a str>,
}

impl<'a> Options<'a> {
    pub(super) fn parse(options: &[&'a str]) -> Result<Self, String> {
        let mut parsed = Self {
            budget: BUDGET,
            jobs: JOBS,
            suites: &[],
            is_again: false,
            is_report: false,
            of_list: Vec::new(),
        };
        let mut options = options.iter();
        while let Some(option) = options.next() {
            let mut number = || {
                let value = options.next().and_then(|value| value.parse::<u32>().ok());
                let value = value.filter(|value| *value > 0);
                value.ok_or_else(|| format!("`{option}` takes a number above 0"))
            };
            match *option {
                "--budget" => parsed.budget = Duration::from_secs(number()?.into()),
                "--jobs" => parsed.jobs = usize::try_from(number()?).unwrap_or(JOBS),
                "--longer" => parsed.suites = &LONGER,
                "--again" => parsed.is_again = true,
                "--report" => parsed.is_report = true,
                other => parsed.of_list.push(other),
            }
        }
        Ok(parsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_an_option_of_this_is_one_of_cargo_mutants() {
        let all = [
            "--budget", "60", "--file", "a.rs", "--longer", "--jobs", "2",
        ];
        let parsed = Options::parse(&all).unwrap();
        assert_eq!(parsed.budget, Duration::from_mins(1));
        assert_eq!((parsed.jobs, parsed.suites.len()), (2, LONGER.len()));
        assert_eq!(parsed.of_list, ["--file", "a.rs"]);
        assert!(!parsed.is_again && !parsed.is_report);
        assert!(Options::parse(&["--again", "--report"]).unwrap().is_report);
    }

    #[test]
    fn a_number_is_one() {
        assert!(Options::parse(&["--jobs", "0"]).is_err());
        assert!(Options::parse(&["--budget"]).is_err());
    }
}

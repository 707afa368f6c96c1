//! Which test comes first: what is most likely to fail for the time that it takes.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, PoisonError},
};

use super::{changes::Change, reach::Test};

/// What starting a program takes, in seconds.
const START: f64 = 0.05;
/// How much sooner a test comes that is of the module with the change,
const AT_HOME: f64 = 20.0;
/// that has a word of the change in its name, for each,
const A_WORD: f64 = 3.0;
/// that failed with another change of the same file,
const OF_FILE: f64 = 10.0;
/// and with another one of the same function.
const OF_FUNCTION: f64 = 40.0;
/// By so many letters at their beginnings words are the same: `closes` and `closed`.
const LETTERS: usize = 5;
/// A shorter word is in too many names.
const SHORTEST: usize = 4;

/// What is known of tests.
#[derive(Debug)]
pub(super) struct Order {
    words: Vec<HashSet<String>>,
    /// By the file and function of changes, the tests that failed with them.
    failed: Mutex<HashMap<(String, String), HashSet<String>>>,
}

impl Order {
    pub(super) fn new(tests: &[Test]) -> Self {
        let words = tests.iter().map(|test| words_of(&test.full_name()));
        Self {
            words: words.collect(),
            failed: Mutex::default(),
        }
    }

    /// Has a test that failed with a change come sooner with those beside it.
    pub(super) fn note_failed(&self, change: &Change, test: &str) {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        for function in ["", &change.function] {
            let place = (change.file.clone(), function.to_owned());
            failed.entry(place).or_default().insert(test.to_owned());
        }
    }

    /// Puts tests in order, which are given by their index.
    pub(super) fn sort(&self, change: &Change, tests: &mut [(usize, &Test)]) {
        let path = change.file.split_once("/src/").map_or("", |(_, path)| path);
        let words = words_of(&format!("{path} {}", change.function));
        let failed = |function: &str| {
            let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
            let place = (change.file.clone(), function.to_owned());
            failed.get(&place).cloned().unwrap_or_default()
        };
        let (of_file, of_function) = (failed(""), failed(&change.function));
        let cost = |(index, test): &(usize, &Test)| {
            let reaches = u32::try_from(test.reaches.len()).unwrap_or(u32::MAX);
            let common = self.words.get(*index);
            let common = common.map_or(0, |known| known.intersection(&words).count());
            let mut boost = 1.0 + A_WORD * f64::from(u32::try_from(common).unwrap_or(u32::MAX));
            let name = test.full_name();
            for (is_so, more) in [
                (is_at_home(test, change), AT_HOME),
                (of_file.contains(&name), OF_FILE),
                (of_function.contains(&name), OF_FUNCTION),
            ] {
                if is_so {
                    boost += more;
                }
            }
            (test.took.as_secs_f64() + START) * f64::from(reaches) / boost
        };
        tests.sort_by(|a, b| cost(a).total_cmp(&cost(b)));
    }
}

/// The beginnings of the words in a name, of whatever style.
fn words_of(name: &str) -> HashSet<String> {
    let mut words = HashSet::new();
    let mut word = String::new();
    // Something that is in no word ends the last one.
    for letter in name.chars().chain([' ']) {
        if !letter.is_ascii_lowercase() {
            if word.len() >= SHORTEST {
                word.truncate(LETTERS);
                words.insert(std::mem::take(&mut word));
            }
            word.clear();
        }
        if letter.is_ascii_alphabetic() {
            word.push(letter.to_ascii_lowercase());
        }
    }
    words
}

/// Whether a test is in the module that has the change, or inside of it.
fn is_at_home(test: &Test, change: &Change) -> bool {
    let path = change.file.split_once("/src/").map_or("", |(_, path)| path);
    let path = path.trim_end_matches(".rs").trim_end_matches("/mod");
    test.program.name == change.package.replace('-', "_")
        && test
            .name
            .starts_with(&format!("{}::", path.replace('/', "::")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mutants::at_once::samples;

    /// A test that reaches so many changes.
    fn test(name: &str, milliseconds: u64, reaches: u32) -> Test {
        let reaches: Vec<u32> = (0..reaches).collect();
        samples::test(name, milliseconds, &reaches)
    }

    fn change() -> Change {
        Change {
            file: "crates/core/src/a/closed.rs".to_owned(),
            function: "Gauge::is_busy".to_owned(),
            ..samples::change()
        }
    }

    fn sorted<'a>(order: &Order, tests: &'a [Test]) -> Vec<&'a str> {
        let mut indexed: Vec<(usize, &Test)> = tests.iter().enumerate().collect();
        order.sort(&change(), &mut indexed);
        indexed.iter().map(|(_, test)| test.name.as_str()).collect()
    }

    #[test]
    fn quick_tests_that_reach_little_come_first_and_those_of_the_module_before_them() {
        let tests = [
            test("slow", 900, 1),
            test("wide", 10, 4),
            test("quick", 10, 1),
            test("a::closed::tests::own", 30, 4),
        ];
        let order = Order::new(&tests);
        let expected = ["a::closed::tests::own", "quick", "wide", "slow"];
        assert_eq!(sorted(&order, &tests), expected);
    }

    #[test]
    fn a_test_that_has_a_word_of_the_change_comes_sooner() {
        let tests = [test("one", 50, 1), test("the_peer_closes", 50, 2)];
        assert_eq!(sorted(&Order::new(&tests), &tests)[0], "the_peer_closes");
    }

    #[test]
    fn a_test_that_failed_with_a_change_beside_it_comes_sooner() {
        let tests = [test("one", 50, 1), test("other", 50, 2)];
        let order = Order::new(&tests);
        assert_eq!(sorted(&order, &tests)[0], "one");
        order.note_failed(&change(), "core other");
        assert_eq!(sorted(&order, &tests)[0], "other");
    }

    #[test]
    fn words_are_found_in_names_of_every_style() {
        let words = words_of("closes::a_peer_CloseReason <impl X for WebSocketError>::is_busy");
        let mut words: Vec<String> = words.into_iter().collect();
        words.sort_unstable();
        assert_eq!(
            words,
            ["busy", "close", "error", "impl", "peer", "reaso", "socke"]
        );
    }
}

//! Has a change meet the tests that reach it, until one fails.

use std::{collections::HashMap, ffi::OsStr, time::Duration};

use super::{
    changes::Change,
    order::Order,
    reach::Test,
    results::{Outcome, Verdict},
    run::{self, End},
};

/// The name of the variable with the number of the change that is on.
const ON: &str = "MUTANT_ON";
/// Besides three times what a test takes.
const PATIENCE: Duration = Duration::from_secs(5);
/// How much longer the second run may take.
const LONGER: u32 = 3;

#[derive(Debug)]
pub(super) struct Judge<'a> {
    tests: &'a [Test],
    reached_by: HashMap<u32, Vec<usize>>,
    order: Order,
    /// The time for each change.
    budget: Duration,
}

impl<'a> Judge<'a> {
    pub(super) fn new(tests: &'a [Test], budget: Duration) -> Self {
        let mut reached_by: HashMap<u32, Vec<usize>> = HashMap::new();
        for (index, test) in tests.iter().enumerate() {
            for number in &test.reaches {
                reached_by.entry(*number).or_default().push(index);
            }
        }
        Self {
            tests,
            reached_by,
            order: Order::new(tests),
            budget,
        }
    }

    /// Takes into account what was found before.
    pub(super) fn know(&self, change: &Change, known: &Outcome) {
        if let Some(test) = &known.by {
            self.order.note_failed(change, test);
        }
    }

    /// Whether there is nothing more to try.
    pub(super) fn is_settled(&self, change: &Change, known: &Outcome) -> bool {
        let is_noticed = matches!(known.verdict, Verdict::Caught | Verdict::Hung);
        is_noticed || (known.verdict == Verdict::Missed && self.waiting(change, known).is_empty())
    }

    /// Goes on with the tests that it has not met.
    pub(super) fn judge(
        &self,
        change: &Change,
        known: &Outcome,
        run: impl Fn(&Test, u32, Duration) -> Result<(End, Duration), String>,
    ) -> Result<Outcome, String> {
        let mut outcome = known.clone();
        if !self.reached_by.contains_key(&change.number) {
            outcome.verdict = Verdict::NotReached;
            return Ok(outcome);
        }
        let mut spent = Duration::ZERO;
        for test in self.waiting(change, known) {
            if spent >= self.budget {
                outcome.verdict = Verdict::NotYet;
                return Ok(outcome);
            }
            let limit = test.took * 3 + PATIENCE;
            let (mut end, took) = run(test, change.number, limit)?;
            spent += took;
            if end != End::Passed {
                // A test that fails now and then says nothing of the change, and a machine may have other work.
                let (again, took) = run(test, change.number, limit * LONGER)?;
                spent += took;
                end = again;
            }
            outcome.verdict = match end {
                End::Passed => {
                    outcome.passed.push(test.full_name());
                    continue;
                }
                End::Failed => Verdict::Caught,
                End::Hung => Verdict::Hung,
            };
            outcome.by = Some(test.full_name());
            outcome.passed.clear();
            self.know(change, &outcome);
            return Ok(outcome);
        }
        outcome.verdict = Verdict::Missed;
        Ok(outcome)
    }

    /// The tests that reach it and have not passed with it, in their order.
    fn waiting(&self, change: &Change, known: &Outcome) -> Vec<&'a Test> {
        let reached_by = self.reached_by.get(&change.number).into_iter().flatten();
        let tests = reached_by.filter_map(|index| Some((*index, self.tests.get(*index)?)));
        let passed = |(_, test): &(usize, &Test)| !known.passed.contains(&test.full_name());
        let mut waiting: Vec<(usize, &Test)> = tests.filter(passed).collect();
        self.order.sort(change, &mut waiting);
        waiting.into_iter().map(|(_, test)| test).collect()
    }
}

/// Runs a test with a change.
pub(super) fn run_with(
    test: &Test,
    change: u32,
    limit: Duration,
) -> Result<(End, Duration), String> {
    let number = change.to_string();
    run::run(&test.program, &test.name, (ON, OsStr::new(&number)), limit)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::mutants::at_once::samples::{change, test};

    /// The verdict, who ran, and what is kept of those that passed.
    fn judged(
        tests: &[Test],
        known: &Outcome,
        ends: impl Fn(&str, usize) -> End,
    ) -> (Verdict, Vec<String>, Outcome) {
        let ran = RefCell::new(Vec::new());
        let judge = Judge::new(tests, Duration::from_secs(1));
        let outcome = judge.judge(&change(), known, |test, _, _| {
            ran.borrow_mut().push(test.name.clone());
            let times = ran.borrow().iter().filter(|one| **one == test.name).count();
            Ok((ends(&test.name, times), test.took))
        });
        let outcome = outcome.unwrap();
        (outcome.verdict, ran.into_inner(), outcome)
    }

    #[test]
    fn a_change_is_caught_by_a_test_that_fails_twice() {
        let tests = [test("now and then", 10, &[1]), test("steady", 20, &[1])];
        let (verdict, ran, outcome) = judged(&tests, &Outcome::default(), |name, times| {
            if name == "steady" || times == 1 {
                End::Failed
            } else {
                End::Passed
            }
        });
        assert_eq!(verdict, Verdict::Caught);
        assert_eq!(ran, ["now and then", "now and then", "steady", "steady"]);
        assert_eq!(outcome.by.as_deref(), Some("core steady"));
    }

    #[test]
    fn a_change_that_hangs_a_test_twice_is_noticed() {
        let tests = [test("one", 10, &[1])];
        let (verdict, ran, _) = judged(&tests, &Outcome::default(), |_, _| End::Hung);
        assert_eq!((verdict, ran.len()), (Verdict::Hung, 2));
    }

    #[test]
    fn a_test_that_seems_to_hang_gets_more_time_once() {
        let tests = [test("one", 1000, &[1])];
        let judge = Judge::new(&tests, Duration::from_secs(1));
        let limits = RefCell::new(Vec::new());
        let outcome = judge.judge(&change(), &Outcome::default(), |test, _, limit| {
            limits.borrow_mut().push(limit.as_secs());
            let has_time = limit > Duration::from_secs(20);
            let end = if has_time { End::Passed } else { End::Hung };
            Ok((end, test.took))
        });
        assert_eq!(outcome.unwrap().verdict, Verdict::Missed);
        assert_eq!(limits.into_inner(), [8, 24]);
    }

    #[test]
    fn what_a_budget_left_over_is_met_the_next_time() {
        let tests = [test("long", 1100, &[1]), test("longer", 1200, &[1])];
        let (verdict, ran, outcome) = judged(&tests, &Outcome::default(), |_, _| End::Passed);
        assert_eq!(verdict, Verdict::NotYet);
        assert_eq!(ran, ["long"]);
        let (verdict, ran, outcome) = judged(&tests, &outcome, |_, _| End::Passed);
        assert_eq!(verdict, Verdict::Missed);
        assert_eq!(ran, ["longer"]);
        let judge = Judge::new(&tests, Duration::from_secs(1));
        assert!(judge.is_settled(&change(), &outcome));
        assert!(!judge.is_settled(&change(), &Outcome::default()));
        let (verdict, ..) = judged(&tests[..0], &Outcome::default(), |_, _| End::Passed);
        assert_eq!(verdict, Verdict::NotReached);
    }
}

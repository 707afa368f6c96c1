//! All changes of cargo-mutants in one build, each behind a switch.
//!
//! Building the libraries anew for each of thousands of changes takes days. Here they are built once, with all of the
//! changes that compile beside the code that they replace; a variable of the environment says which one is on. A run of
//! each test by itself tells which changes it reaches, and then each change meets the tests that reach it, and no others.

mod build;
mod changes;
mod copy;
mod errors;
mod judge;
mod options;
mod order;
mod reach;
mod results;
mod run;
#[cfg(test)]
mod samples;
mod switches;
mod table;

use std::{
    collections::HashSet,
    fs,
    path::Path,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use crate::workspace::Workspace;
use build::Built;
use changes::Change;
use copy::SwitchedCopy;
use judge::Judge;
use options::Options;
use results::{Key, Outcome, Results, Verdict};

/// After how many changes it says how far it is.
const OFTEN: usize = 100;

/// Has each change that `options` choose meet the tests, and fails when one of them was missed.
pub(super) fn test(workspace: &Workspace, program: &Path, options: &[&str]) -> Result<(), String> {
    let options = Options::parse(options)?;
    let folder = workspace.target.join("mutants-at-once");
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let changes = changes::list(program, &workspace.root, &[])?;
    let chosen = changes::list(program, &workspace.root, &options.of_list)?;
    let chosen: HashSet<&str> = chosen.iter().map(|one| one.name.as_str()).collect();
    let keys = results::keys(&workspace.root, &changes)?;
    let results = folder.join("results.jsonl");
    if options.is_again {
        results::forget_unnoticed(&results)?;
    }
    let mut results = Results::open(&results)?;
    let chosen: Vec<(&Change, &Key)> = changes
        .iter()
        .zip(&keys)
        .filter(|(change, _)| chosen.contains(change.name.as_str()))
        .collect();
    if !options.is_report {
        let copy = SwitchedCopy::new(workspace, folder.join("copy"));
        let built = build::build(&copy, &changes, &keys, options.suites, &folder)?;
        let outcomes = judge_all(&built, &chosen, &results, &options, &folder)?;
        let new = chosen.iter().map(|(_, key)| (*key).clone()).zip(outcomes);
        results.known.extend(new);
    }
    let verdict = |key| {
        results
            .known
            .get(key)
            .map_or(Verdict::NotRun, |one| one.verdict)
    };
    let verdicts: Vec<(&Change, Verdict)> = chosen
        .iter()
        .map(|(change, key)| (*change, verdict(*key)))
        .collect();
    let table = table::table(&verdicts);
    println!("{table}");
    let path = folder.join("table.md");
    fs::write(&path, table).map_err(|error| format!("{}: {error}", path.display()))?;
    let missed = verdicts.iter().filter(|(_, one)| *one == Verdict::Missed);
    match missed.count() {
        0 => Ok(()),
        missed => Err(format!("{missed} changes were missed")),
    }
}

/// What became of each change, in their order.
fn judge_all(
    built: &Built,
    chosen: &[(&Change, &Key)],
    results: &Results,
    options: &Options<'_>,
    folder: &Path,
) -> Result<Vec<Outcome>, String> {
    let tests = reach::measure(&built.programs, folder, options.jobs)?;
    let judge = Judge::new(&tests, options.budget);
    for (change, key) in chosen {
        if let Some(known) = results.known.get(*key) {
            judge.know(change, known);
        }
    }
    println!("{} changes meet {} tests", chosen.len(), tests.len());
    let done = AtomicUsize::new(0);
    in_parallel(options.jobs, chosen, |_, (change, key)| {
        let known = results.known.get(*key).cloned().unwrap_or_default();
        let outcome = if built.left_out.contains(&change.number) {
            Outcome {
                verdict: Verdict::NotBuilt,
                ..Outcome::default()
            }
        } else if judge.is_settled(change, &known) {
            return Ok(known);
        } else {
            judge.judge(change, &known, judge::run_with)?
        };
        if outcome != known {
            results.add(key, &outcome)?;
        }
        if outcome.verdict == Verdict::Missed {
            println!("missed: {}", change.name);
        }
        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
        if done.is_multiple_of(OFTEN) {
            println!("{done} changes done");
        }
        Ok(outcome)
    })
}

/// Does work for each one of `all`, several at once, and returns what comes of it in their order. The first error ends
/// it.
fn in_parallel<T: Sync, R: Send>(
    jobs: usize,
    all: &[T],
    work: impl Fn(usize, &T) -> Result<R, String> + Sync,
) -> Result<Vec<R>, String> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::with_capacity(all.len()));
    let works = || {
        while let index = next.fetch_add(1, Ordering::Relaxed)
            && let Some(one) = all.get(index)
        {
            let result = work(index, one);
            if result.is_err() {
                next.store(all.len(), Ordering::Relaxed);
            }
            let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
            results.push((index, result));
        }
    };
    thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(works);
        }
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_done_for_each_and_stops_at_an_error() {
        let all: Vec<usize> = (0..100).collect();
        let doubled = in_parallel(4, &all, |_, one| Ok(one * 2)).unwrap();
        assert_eq!(doubled, all.iter().map(|one| one * 2).collect::<Vec<_>>());
        let begun = AtomicUsize::new(0);
        let failed = in_parallel(1, &all, |index, _| {
            begun.fetch_add(1, Ordering::Relaxed);
            if index == 3 {
                Err("three".to_owned())
            } else {
                Ok(())
            }
        });
        assert_eq!(failed, Err("three".to_owned()));
        assert_eq!(begun.into_inner(), 4);
    }
}

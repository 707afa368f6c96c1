//! What no test reached, file by file, from the export of `llvm-cov`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    path::{Path, PathBuf},
};

use serde_json::Value;

/// What was counted of one file.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counted {
    lines: usize,
    unreached: Vec<u64>,
    branches: usize,
    /// The line of each decision that never went one way, and which.
    untaken: BTreeSet<(u64, &'static str)>,
}

/// The table of what was not reached in the sources of these packages.
pub(super) fn of(json: &str, root: &Path, packages: &[&str]) -> Result<String, String> {
    let export: Value = serde_json::from_str(json)
        .map_err(|error| format!("the export of llvm-cov is not JSON: {error}"))?;
    let files = export["data"][0]["files"]
        .as_array()
        .ok_or("the export of llvm-cov has no files")?;
    let folders: Vec<PathBuf> = packages
        .iter()
        .map(|package| Path::new("crates").join(package).join("src"))
        .collect();
    let mut table = String::new();
    let (mut lines, mut unreached, mut branches, mut untaken) = (0, 0, 0, 0);
    for file in files {
        let path = Path::new(file["filename"].as_str().unwrap_or_default());
        let path = path.strip_prefix(root).unwrap_or(path);
        if !folders.iter().any(|folder| path.starts_with(folder)) {
            continue;
        }
        let counted = count(file);
        if !counted.unreached.is_empty() || !counted.untaken.is_empty() {
            write_file(&mut table, path, &counted);
        }
        lines += counted.lines;
        unreached += counted.unreached.len();
        branches += counted.branches;
        untaken += counted.untaken.len();
    }
    let _ = writeln!(
        table,
        "\nnot reached: {unreached} of {lines} lines, {untaken} of {branches} branches"
    );
    Ok(table)
}

fn write_file(table: &mut String, path: &Path, counted: &Counted) {
    let _ = writeln!(
        table,
        "{}: {} of {} lines, {} of {} branches",
        path.display(),
        counted.unreached.len(),
        counted.lines,
        counted.untaken.len(),
        counted.branches
    );
    if !counted.unreached.is_empty() {
        let _ = writeln!(table, "    lines {}", ranges(&counted.unreached));
    }
    if !counted.untaken.is_empty() {
        let untaken = counted.untaken.iter();
        let untaken: Vec<String> = untaken.map(|(line, way)| format!("{line} {way}")).collect();
        let _ = writeln!(table, "    branches {}", untaken.join(", "));
    }
}

fn count(file: &Value) -> Counted {
    let mut counted = Counted::default();
    for (line, is_reached) in lines(&file["segments"]) {
        counted.lines += 1;
        if !is_reached {
            counted.unreached.push(line);
        }
    }
    // Each instance of a generic function has its own, and so have the two builds of a library.
    let mut branches: BTreeMap<[u64; 4], (u64, u64)> = BTreeMap::new();
    for branch in file["branches"].as_array().into_iter().flatten() {
        let number = |at: usize| branch[at].as_u64().unwrap_or_default();
        let taken = branches.entry([0, 1, 2, 3].map(number)).or_default();
        taken.0 += number(4);
        taken.1 += number(5);
    }
    counted.branches = 2 * branches.len();
    for ([line, ..], (when_true, when_false)) in branches {
        let ways = [(when_true, "never true"), (when_false, "never false")];
        let untaken = ways.into_iter().filter(|(taken, _)| *taken == 0);
        counted.untaken.extend(untaken.map(|(_, way)| (line, way)));
    }
    counted
}

/// Each line that has code, and whether that ran: as `llvm-cov` reads its segments, in each of which stand a
/// line, a column, a count, whether that is one, whether a region begins here, and whether it is a gap.
fn lines(segments: &Value) -> Vec<(u64, bool)> {
    let mut by_line: BTreeMap<u64, Vec<&Value>> = BTreeMap::new();
    for segment in segments.as_array().into_iter().flatten() {
        by_line
            .entry(segment[0].as_u64().unwrap_or_default())
            .or_default()
            .push(segment);
    }
    let (Some((first, _)), Some((last, _))) = (by_line.first_key_value(), by_line.last_key_value())
    else {
        return Vec::new();
    };
    let is_set = |segment: &Value, at: usize| segment[at].as_bool() == Some(true);
    let ran = |segment: &Value| segment[2].as_u64() != Some(0);
    let mut found = Vec::new();
    // What holds from the line before.
    let mut around: Option<&Value> = None;
    for line in *first..=*last {
        let here = by_line.get(&line).map(Vec::as_slice).unwrap_or_default();
        let is_begun = |one: &&&Value| is_set(one, 3) && is_set(one, 4) && !is_set(one, 5);
        let begun: Vec<_> = here.iter().filter(is_begun).collect();
        let around_counts = around.filter(|one| is_set(one, 3));
        let is_skipped = here
            .first()
            .is_some_and(|one| is_set(one, 4) && !is_set(one, 3));
        if !is_skipped && (around_counts.is_some() || !begun.is_empty()) {
            let is_reached = around_counts.is_some_and(&ran) || begun.iter().any(|one| ran(one));
            found.push((line, is_reached));
        }
        around = here.last().copied().or(around);
    }
    found
}

/// `1-3, 7`
fn ranges(lines: &[u64]) -> String {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for line in lines {
        match ranges.last_mut() {
            Some((_, end)) if *end + 1 == *line => *end = *line,
            _ => ranges.push((*line, *line)),
        }
    }
    let shown = ranges.iter().map(|(start, end)| {
        if start == end {
            start.to_string()
        } else {
            format!("{start}-{end}")
        }
    });
    shown.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A function of four lines, whose second is reached and whose third is not; and a decision that two
    /// instances of it take two ways, after one that both take one way.
    fn export() -> String {
        let file = |name: &str| {
            json!({
                "filename": name,
                "segments": [
                    [10, 1, 5, true, true, false],
                    [12, 5, 0, true, true, false],
                    [12, 20, 5, true, false, false],
                    [13, 2, 0, false, false, false],
                    [20, 1, 0, true, true, false],
                    [21, 2, 0, false, false, false],
                ],
                "branches": [
                    [11, 8, 11, 12, 5, 0, 0, 0, 4],
                    [11, 8, 11, 12, 4, 0, 0, 0, 4],
                    [11, 16, 11, 20, 5, 0, 0, 0, 4],
                    [11, 16, 11, 20, 0, 1, 0, 0, 4],
                ],
            })
        };
        json!({"data": [{"files": [file("/w/crates/a/src/x.rs"), file("/w/tests/y.rs")]}]})
            .to_string()
    }

    #[test]
    fn what_no_test_reached_is_told_by_file_and_line() {
        let report = of(&export(), Path::new("/w"), &["a"]).unwrap();
        assert_eq!(
            report,
            "crates/a/src/x.rs: 2 of 6 lines, 1 of 4 branches\n    lines 20-21\n    branches 11 never false\n\n\
             not reached: 2 of 6 lines, 1 of 4 branches\n"
        );
    }

    #[test]
    fn a_line_that_ran_in_part_is_reached() {
        let export: Value = serde_json::from_str(&export()).unwrap();
        let found = lines(&export["data"][0]["files"][0]["segments"]);
        assert!(found.contains(&(12, true)), "{found:?}");
        assert!(!found.iter().any(|(line, _)| (14..20).contains(line)));
    }

    #[test]
    fn lines_that_follow_one_another_are_one_range() {
        assert_eq!(ranges(&[1, 2, 3, 7, 9, 10]), "1-3, 7, 9-10");
    }
}

//! What became of the changes, part by part, in the form of `.cargo/mutants.md`.

use std::{collections::BTreeMap, fmt::Write as _};

use super::{changes::Change, results::Verdict};

/// The library whose folders are parts of their own; another one is a part as a whole.
const CORE: &str = "crates/http-context/src/";
const BESIDE: &str = "files beside these";
const COLUMNS: usize = 120;

/// A table, what is missed, and where the rest is that no test has noticed.
pub(super) fn table(all: &[(&Change, Verdict)]) -> String {
    let mut parts: BTreeMap<(bool, String), Vec<Verdict>> = BTreeMap::new();
    for (change, verdict) in all {
        let part = part(change);
        let at_end = !part.contains('/');
        parts.entry((at_end, part)).or_default().push(*verdict);
    }
    let names = Verdict::ALL.map(|(_, name)| name).join(" | ");
    let mut text = format!("| part | known | {names} |\n|---|---:|");
    text.push_str(&"---:|".repeat(Verdict::ALL.len()));
    text.push('\n');
    let whole = all.iter().map(|(_, verdict)| *verdict).collect();
    let rows = parts
        .into_iter()
        .map(|((_, part), verdicts)| (part, verdicts));
    for (part, verdicts) in rows.chain([("all".to_owned(), whole)]) {
        let count = |verdict| verdicts.iter().filter(|one| **one == verdict).count();
        let cells = Verdict::ALL.map(|(verdict, _)| with_commas(count(verdict)));
        let known = with_commas(verdicts.len());
        let _ = writeln!(text, "| {part} | {known} | {} |", cells.join(" | "));
    }
    text.push_str("\nMissed:\n\n");
    for (file, said) in by_file(all, Verdict::Missed, |change| change.what().to_owned()) {
        for what in said {
            let _ = writeln!(text, "- `{file}`: {what}");
        }
    }
    for verdict in [Verdict::NotYet, Verdict::NotReached] {
        let _ = writeln!(
            text,
            "\nFunctions with changes that are {}:\n",
            verdict.name()
        );
        for (file, said) in by_file(all, verdict, |change| change.function.clone()) {
            wrapped(&mut text, &format!("- `{file}`:"), &said);
        }
    }
    text
}

/// For each file, what `say` says of those with this verdict, and how often where it is more than once.
fn by_file<'a>(
    all: &[(&'a Change, Verdict)],
    verdict: Verdict,
    say: impl Fn(&Change) -> String,
) -> BTreeMap<&'a str, Vec<String>> {
    let mut files: BTreeMap<&str, Vec<(String, usize)>> = BTreeMap::new();
    for (change, _) in all.iter().filter(|(_, one)| *one == verdict) {
        let said = files.entry(short(&change.file)).or_default();
        let new = say(change);
        match said.iter_mut().find(|(known, _)| *known == new) {
            Some((_, times)) => *times += 1,
            None => said.push((new, 1)),
        }
    }
    let shown = |(what, times): (String, usize)| match (what.as_str(), times) {
        ("", times) => format!("{times} beside functions"),
        (_, 1) => format!("`{what}`"),
        (_, times) => format!("`{what}` ({times})"),
    };
    let files = files.into_iter();
    files
        .map(|(file, said)| (file, said.into_iter().map(shown).collect()))
        .collect()
}

/// One paragraph.
fn wrapped(text: &mut String, head: &str, said: &[String]) {
    text.push_str(head);
    let mut column = head.len();
    for (index, what) in said.iter().enumerate() {
        let comma = if index + 1 < said.len() { "," } else { "" };
        let before = if column + what.len() + comma.len() < COLUMNS {
            " "
        } else {
            column = 0;
            "\n  "
        };
        let _ = write!(text, "{before}{what}{comma}");
        column += before.trim_start_matches('\n').len() + what.len() + comma.len();
    }
    text.push('\n');
}

fn part(change: &Change) -> String {
    let Some(path) = change.file.strip_prefix(CORE) else {
        return format!("`{}`", change.package);
    };
    path.split_once('/')
        .map_or_else(|| BESIDE.to_owned(), |(folder, _)| format!("`{folder}/`"))
}

/// Without what is the same for all files of the core.
fn short(file: &str) -> &str {
    let of_another = file.strip_prefix("crates/").unwrap_or(file);
    file.strip_prefix(CORE).unwrap_or(of_another)
}

fn with_commas(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mutants::at_once::samples;

    fn change(file: &str, what: &str) -> Change {
        Change {
            package: "http-context-middleware".to_owned(),
            file: file.to_owned(),
            function: "f".to_owned(),
            name: format!("{file}:1:1: {what}"),
            ..samples::change()
        }
    }

    #[test]
    fn changes_are_counted_part_by_part_and_those_missed_are_named() {
        let pool = change("crates/http-context/src/pool/a.rs", "replace a with b");
        let watch = change("crates/http-context/src/watch.rs", "delete !");
        let other = change("crates/http-context-middleware/src/pool/a.rs", "delete -");
        let all = [
            (&pool, Verdict::Missed),
            (&pool, Verdict::Missed),
            (&watch, Verdict::Caught),
            (&other, Verdict::NotReached),
        ];
        let text = table(&all);
        assert!(
            text.contains("\n| `pool/` | 2 | 0 | 0 | 0 | 2 | 0 | 0 | 0 |\n"),
            "{text}"
        );
        assert!(text.contains("\n| files beside these | 1 | 0 | 1 | 0 | 0 | 0 | 0 | 0 |\n"));
        assert!(text.contains("\n| all | 4 | 0 | 1 | 0 | 2 | 0 | 1 | 0 |\n"));
        assert!(text.contains("\n- `pool/a.rs`: `replace a with b` (2)\n"));
        assert!(text.contains("\n- `http-context-middleware/src/pool/a.rs`: `f`\n"));
    }

    #[test]
    fn a_long_line_is_wrapped() {
        let mut text = String::new();
        let said = ["a".repeat(60), "b".repeat(50), "c".repeat(60)];
        wrapped(&mut text, "- x:", &said);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2, "{text}");
        assert!(lines[0].ends_with("b,") && lines[1].starts_with("  ccc"));
    }

    #[test]
    fn numbers_have_commas() {
        let with = [0, 999, 4810, 1_234_567].map(with_commas);
        assert_eq!(with, ["0", "999", "4,810", "1,234,567"]);
    }
}

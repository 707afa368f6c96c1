//! The changes that cargo-mutants knows.

use std::{path::Path, process::Command};

use serde_json::Value;

use crate::{command::output, mutants::LIBRARIES};

/// One of them.
#[derive(Debug, Clone)]
pub(super) struct Change {
    /// That of its switch.
    pub(super) number: u32,
    pub(super) package: String,
    /// Relative to the root of the workspace.
    pub(super) file: String,
    /// The function that it is in.
    pub(super) function: String,
    pub(super) genre: Genre,
    /// Where the text begins that it replaces.
    pub(super) start: Position,
    pub(super) replacement: String,
    /// What cargo-mutants calls it, with its file and position. No two have the same.
    pub(super) name: String,
}

/// What kind of code a change replaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Genre {
    /// The body of a function, by a value.
    Function,
    /// `a + b`, and `a += b`.
    Binary,
    /// `!a` and `-a`, by `a`.
    Unary,
    /// A guard, by `true` or `false`.
    Guard,
    /// An arm of a match, by nothing.
    Arm,
    /// A field of a struct expression that has a base, by that of the base.
    Field,
    /// One that this program does not know.
    Other,
}

/// A line and a column, both from 1, and the column in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) line: usize,
    pub(super) column: usize,
}

impl Change {
    /// What it does, without where.
    pub(super) fn what(&self) -> &str {
        let mut parts = self.name.splitn(2, ": ");
        parts.nth(1).unwrap_or(&self.name)
    }
}

impl Position {
    /// The place in the text of its file.
    pub(super) fn offset_in(self, text: &str) -> Option<usize> {
        let mut line_start = 0;
        for _ in 1..self.line {
            line_start += text[line_start..].find('\n')? + 1;
        }
        let mut characters = text[line_start..].char_indices();
        let (in_line, _) = characters.nth(self.column.checked_sub(1)?)?;
        Some(line_start + in_line)
    }
}

/// Those that the options of cargo-mutants choose, in its order and numbered so.
pub(super) fn list(program: &Path, root: &Path, options: &[&str]) -> Result<Vec<Change>, String> {
    let mut command = Command::new(program);
    command.arg("mutants").current_dir(root);
    for library in LIBRARIES {
        command.args(["-p", library]);
    }
    command.args(["--list", "--json"]).args(options);
    let text = output(&mut command)?;
    let listed: Value = serde_json::from_str(&text)
        .map_err(|error| format!("the list of cargo-mutants is not JSON: {error}"))?;
    read(&listed).ok_or_else(|| "cargo-mutants has an unexpected list".to_owned())
}

fn read(listed: &Value) -> Option<Vec<Change>> {
    let all = (0..).zip(listed.as_array()?);
    all.map(|(number, one)| {
        let text = |key: &str| Some(one[key].as_str()?.to_owned());
        let start = &one["span"]["start"];
        let place = |key: &str| usize::try_from(start[key].as_u64()?).ok();
        Some(Change {
            number,
            package: text("package")?,
            file: text("file")?,
            function: one["function"]["function_name"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            genre: Genre::of(one["genre"].as_str()?),
            start: Position {
                line: place("line")?,
                column: place("column")?,
            },
            replacement: text("replacement")?,
            name: text("name")?,
        })
    })
    .collect()
}

impl Genre {
    fn of(name: &str) -> Self {
        match name {
            "FnValue" => Self::Function,
            "BinaryOperator" => Self::Binary,
            "UnaryOperator" => Self::Unary,
            "MatchArmGuard" => Self::Guard,
            "MatchArm" => Self::Arm,
            "StructField" => Self::Field,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_change_is_read_from_the_list() {
        let listed = json!([{
            "package": "core", "file": "src/a.rs", "genre": "BinaryOperator", "replacement": "||",
            "span": {"start": {"line": 2, "column": 3}, "end": {"line": 2, "column": 5}},
            "name": "src/a.rs:2:3: replace && with || in a",
        }]);
        let changes = read(&listed).unwrap();
        assert_eq!(changes[0].genre, Genre::Binary);
        assert_eq!(changes[0].what(), "replace && with || in a");
        assert_eq!((changes[0].number, changes[0].start.line), (0, 2));
        assert!(read(&json!([{"name": "a"}])).is_none());
    }

    #[test]
    fn columns_are_counted_in_characters() {
        let at = |line, column| Position { line, column }.offset_in("ab\nü+b\n");
        assert_eq!(at(1, 1), Some(0));
        assert_eq!(at(2, 2), Some(5));
        assert_eq!(at(2, 9), None);
        assert_eq!(at(9, 1), None);
    }
}

//! `--rejects`: one line of JSON for each line of the input that is not a job.

use serde::Serialize;

use crate::line::BadField;

/// A line of the rejects output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Reject {
    /// The line of the input, counted from 1.
    pub(crate) line: u64,
    /// The field that is wrong, `line` for the line as a whole.
    pub(crate) field: String,
    /// What is wrong with it.
    pub(crate) error: String,
}

impl Reject {
    pub(crate) fn new(line: u64, bad: BadField) -> Self {
        Self {
            line,
            field: bad.field,
            error: bad.error,
        }
    }

    /// Adds the line of JSON, with its line end.
    pub(crate) fn write_to(&self, lines: &mut Vec<u8>) {
        // Strings and a number: this cannot fail.
        if serde_json::to_writer(&mut *lines, self).is_ok() {
            lines.push(b'\n');
        }
    }
}

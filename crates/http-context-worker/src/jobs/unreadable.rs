//! Text that cannot be read as a job's type: which field, and why.

use std::fmt::Write as _;

use serde::de::DeserializeOwned;
use serde_path_to_error::{Path, Segment};

use crate::line::BadField;

/// Reads a job.
pub(super) fn read<J: DeserializeOwned>(text: &str) -> Result<J, BadField> {
    let mut json = serde_json::Deserializer::from_str(text);
    serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = field_of(error.path());
        let message = error.into_inner().to_string();
        // These are of a field of what the path leads to.
        for (said, what) in [
            ("missing field `", "is missing"),
            ("duplicate field `", "stands twice"),
        ] {
            let name = message.strip_prefix(said);
            if let Some((name, _)) = name.and_then(|rest| rest.split_once('`')) {
                let mut field = path;
                push_name(&mut field, name);
                return BadField::new(field, what);
            }
        }
        let error = without_values(&message);
        if path.is_empty() {
            BadField::line(error)
        } else {
            BadField::new(path, error)
        }
    })
}

/// The path of a field; empty where it leads to the line as a whole.
fn field_of(path: &Path) -> String {
    let mut field = String::new();
    for segment in path {
        match segment {
            // Into a string: this cannot fail.
            Segment::Seq { index } => drop(write!(field, "[{index}]")),
            Segment::Map { key: name } | Segment::Enum { variant: name } => {
                push_name(&mut field, name);
            }
            Segment::Unknown => push_name(&mut field, "?"),
        }
    }
    field
}

/// A name may be empty, and is seen all the same.
fn push_name(field: &mut String, name: &str) {
    if !field.is_empty() {
        field.push('.');
    }
    field.push_str(if name.is_empty() { "\"\"" } else { name });
}

/// What serde says, without where in the text it is, and without the value that it found there: that may
/// be a secret.
fn without_values(message: &str) -> String {
    let message = message
        .rsplit_once(" at line ")
        .map_or(message, |(message, _)| message);
    let (Some((what, _)), Some((_, expected))) = (
        message.split_once([' ', ':'].as_slice()),
        message.rsplit_once(", expected "),
    ) else {
        return message.to_owned();
    };
    if !["invalid", "unknown"].contains(&what) {
        return message.to_owned();
    }
    // The first words name the sort of value or of name, and what follows in quotes is the value itself.
    let end = message.find(['`', '"']).unwrap_or(message.len());
    let sort = message[..end]
        .split(", expected ")
        .next()
        .unwrap_or(message);
    format!("{}, expected {expected}", sort.trim_end())
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read")]
    struct Mail {
        to: Vec<String>,
        size: Option<u8>,
        urgency: Option<Urgency>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Urgency {
        High,
        Low,
    }

    #[test]
    fn a_number_of_many_digits_is_the_nearest_one_that_there_is() {
        #[derive(Deserialize)]
        struct Paid {
            amount: f64,
        }
        let digits = "0.44440016004989434594561592";
        let paid = read::<Paid>(&format!(r#"{{"amount": {digits}}}"#)).unwrap();
        assert_eq!(
            paid.amount.to_bits(),
            digits.parse::<f64>().unwrap().to_bits()
        );
    }

    #[test]
    fn the_field_is_named_and_no_value_is_repeated() {
        for (text, field, error) in [
            ("{}", "to", "is missing"),
            (
                r#"{"to": "hunter2"}"#,
                "to",
                "invalid type: string, expected a sequence",
            ),
            (
                r#"{"to": ["a", 7]}"#,
                "to[1]",
                "invalid type: integer, expected a string",
            ),
            (
                r#"{"to": [], "size": 70000}"#,
                "size",
                "invalid value: integer, expected u8",
            ),
            (
                r#"{"to": [], "urgency": "hunter2, expected `x`"}"#,
                "urgency",
                "unknown variant, expected `high` or `low`",
            ),
            (
                r#"{"to": [], "from": 1}"#,
                "from",
                "unknown field, expected one of `to`, `size`, `urgency`",
            ),
            (
                r#"{"to": [], "": 1}"#,
                "\"\"",
                "unknown field, expected one of `to`, `size`, `urgency`",
            ),
            (r#"{"to": [], "to": []}"#, "to", "stands twice"),
            ("7", "line", "invalid type: integer, expected struct Mail"),
            (
                r#"{"to": [], "size": "\", expected u8"}"#,
                "size",
                "invalid type: string, expected u8",
            ),
        ] {
            let found = read::<Mail>(text).unwrap_err();
            assert_eq!(
                (found.field.as_str(), found.error.as_str()),
                (field, error),
                "{text}"
            );
        }
    }
}

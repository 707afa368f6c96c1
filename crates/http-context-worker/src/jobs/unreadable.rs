//! Text that cannot be read as a job's type: which field, and why.

use serde::de::DeserializeOwned;

use crate::line::BadField;

/// Reads a job.
pub(super) fn read<J: DeserializeOwned>(text: &str) -> Result<J, BadField> {
    let mut json = serde_json::Deserializer::from_str(text);
    serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let message = error.into_inner().to_string();
        // These are of a field of what the path leads to.
        for (said, what) in [
            ("missing field `", "is missing"),
            ("duplicate field `", "stands twice"),
        ] {
            let name = message.strip_prefix(said);
            if let Some((name, _)) = name.and_then(|rest| rest.split_once('`')) {
                let field = match path.as_str() {
                    "." => name.to_owned(),
                    path => format!("{path}.{name}"),
                };
                return BadField::new(field, what);
            }
        }
        let field = match path.as_str() {
            "." => "line",
            path => path,
        };
        BadField::new(field, without_values(&message))
    })
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
            (r#"{"to": [], "to": []}"#, "to", "stands twice"),
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

//! An example of a job, made up from nothing but its type.
//!
//! A type says what it wants when it is deserialized: a struct with these fields, a string, one of these
//! variants. So it is deserialized from a source that gives whatever is asked for, and what comes of that
//! is serialized. A string may have to be of a certain form (a URL, a date); then it is refused, and the
//! next candidate is tried in its place.

mod source;

use std::fmt::Write as _;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use self::source::Source;

/// What a string may be.
const STRINGS: &[&str] = &[
    "…",
    "https://example.com/",
    "2026-01-31T12:00:00Z",
    "2026-01-31T12:00:00",
    "2026-01-31",
    "12:00:00",
    "user@example.com",
    "192.0.2.1",
    "192.0.2.1:80",
    "00000000-0000-0000-0000-000000000000",
    "1",
    "AA==",
];
/// Bounds the work for a type with many strings that are of a form nobody knows here.
const MAX_TRIES: usize = 256;

/// A job as JSON; `None` for types of which nothing is to be known in this way.
pub(super) fn of<J: Serialize + DeserializeOwned>() -> Option<String> {
    let mut choices = Choices::default();
    for _ in 0..MAX_TRIES {
        choices.given = 0;
        match J::deserialize(Source::new(&mut choices)) {
            Ok(job) => return serde_json::to_string(&job).ok(),
            Err(_) if choices.try_next() => {}
            Err(_) => return None,
        }
    }
    None
}

/// The line of an example: the job, with its id first, and its kind.
pub(super) fn with_id(job: &str, kind: Option<&str>) -> Option<String> {
    let Ok(Value::Object(object)) = serde_json::from_str(job) else {
        return None;
    };
    let mut first = String::new();
    for (name, value) in [("id", Some("1")), ("kind", kind)] {
        if let Some(value) = value.filter(|_| !object.contains_key(name)) {
            // Writing to a string cannot fail.
            let _ = write!(first, "\"{name}\":{},", Value::from(value));
        }
    }
    let rest = job.trim().strip_prefix('{')?;
    if object.is_empty() {
        first.pop();
    }
    Some(format!("{{{first}{rest}"))
}

/// Which candidate is taken for each string, in the order in which they are asked for.
#[derive(Default)]
struct Choices {
    of: Vec<usize>,
    /// Strings that were asked for in this try.
    given: usize,
}

impl Choices {
    fn next_string(&mut self) -> &'static str {
        if self.given == self.of.len() {
            self.of.push(0);
        }
        self.given += 1;
        STRINGS[self.of[self.given - 1]]
    }

    /// Takes the next candidate for the string that was given last, because that is what was refused.
    fn try_next(&mut self) -> bool {
        self.of.truncate(self.given);
        let Some(last) = self.of.last_mut() else {
            return false;
        };
        *last += 1;
        *last < STRINGS.len()
    }
}

#[cfg(test)]
mod tests;

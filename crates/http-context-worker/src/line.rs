//! What every line of jobs is, whatever its jobs do: UTF-8, one JSON object, and in it the `id`.
//!
//! No message repeats a value of the line, because URLs, headers and bodies carry secrets.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::run_at::RunAt;

/// The longest line that is read, in bytes. A longer one is rejected without being held in memory.
pub const MAX_LINE_BYTES: usize = 1024 * 1024;

/// The longest job id, in bytes.
pub const MAX_ID_BYTES: usize = 512;

/// Why a line is not a job: the field, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {error}")]
#[non_exhaustive]
pub struct BadField {
    /// The field as a path (`requests[0].method`), or `line` when it is the line as a whole.
    pub field: String,
    /// What is wrong, in words for the person who wrote the job.
    pub error: String,
}

impl BadField {
    /// `field` is the path of the field, `error` what is wrong with it: it goes into the rejects, so it
    /// should repeat no value of the line.
    pub fn new(field: impl Into<String>, error: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            error: error.into(),
        }
    }

    /// The line as a whole is wrong.
    pub fn line(error: impl Into<String>) -> Self {
        Self::new("line", error)
    }
}

/// One line of jobs, known to be a JSON object with an `id`.
///
/// ```
/// use http_context_worker::{BadField, JobLine};
///
/// let line = JobLine::parse(br#"{"id": "7", "to": "a@example.com"}"#)?;
/// assert_eq!((line.id(), &line.fields()["to"]), ("7", &"a@example.com".into()));
/// # Ok::<_, BadField>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct JobLine<'a> {
    text: &'a str,
    id: String,
    object: Map<String, Value>,
}

impl<'a> JobLine<'a> {
    /// Reads one line, without its line end.
    ///
    /// # Errors
    ///
    /// [`BadField`] when it is not UTF-8, not a JSON object, or has no `id` that can be one: a string of 1
    /// to [`MAX_ID_BYTES`] bytes.
    pub fn parse(line: &'a [u8]) -> Result<Self, BadField> {
        let text = std::str::from_utf8(line).map_err(|error| {
            BadField::line(format!(
                "is not UTF-8 (byte {} of the line)",
                error.valid_up_to() + 1
            ))
        })?;
        let value: Value = serde_json::from_str(text).map_err(|error| not_json(&error))?;
        let Value::Object(object) = value else {
            return Err(BadField::line(format!(
                "must be a JSON object, this is {}",
                kind(&value)
            )));
        };
        let id = id(&object)?;
        Ok(Self { text, id, object })
    }

    /// The line as it stands.
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// The job's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The fields of the line, its `id` among them.
    pub fn fields(&self) -> &Map<String, Value> {
        &self.object
    }
}

fn not_json(error: &serde_json::Error) -> BadField {
    let full = error.to_string();
    let what = full.split(" at line ").next().unwrap_or("cannot be read");
    BadField::line(format!("is not JSON: {what} (column {})", error.column()))
}

/// What a value is, in words.
pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// A field that is there and not null.
pub(crate) fn given<'v>(object: &'v Map<String, Value>, name: &str) -> Option<&'v Value> {
    object.get(name).filter(|value| !value.is_null())
}

/// A value that must be a string.
pub(crate) fn string<'v>(value: &'v Value, field: &str) -> Result<&'v str, BadField> {
    value
        .as_str()
        .ok_or_else(|| BadField::new(field, format!("must be a string, this is {}", kind(value))))
}

fn id(object: &Map<String, Value>) -> Result<String, BadField> {
    let Some(value) = given(object, "id") else {
        return Err(BadField::new("id", "is missing"));
    };
    let id = string(value, "id")?;
    check_id(id)?;
    Ok(id.to_owned())
}

/// Whether a text can be the id of a job.
pub(crate) fn check_id(id: &str) -> Result<(), BadField> {
    if id.is_empty() {
        return Err(BadField::new("id", "must not be empty"));
    }
    if id.len() > MAX_ID_BYTES {
        return Err(BadField::new(
            "id",
            format!(
                "must be at most {MAX_ID_BYTES} bytes long, this has {}",
                id.len()
            ),
        ));
    }
    Ok(())
}

/// When the job of a line is to run: at once, or by the field `run_at`.
pub(crate) fn run_at(object: &Map<String, Value>) -> Result<RunAt, BadField> {
    let Some(value) = given(object, "run_at") else {
        return Ok(RunAt::NOW);
    };
    let time = OffsetDateTime::parse(string(value, "run_at")?, &Rfc3339).map_err(|_| {
        let error = "must be a time as RFC 3339 writes it, such as 2030-01-31T09:00:00Z";
        BadField::new("run_at", error)
    })?;
    Ok(RunAt::at(time.into()))
}

/// The text of a job that waits in a queue under this id, as one of this kind.
pub(crate) fn job_text<J: Serialize + ?Sized>(
    of_kind: Option<&str>,
    id: &str,
    job: &J,
) -> Result<String, BadField> {
    #[derive(Deserialize)]
    struct Named<'t> {
        #[serde(borrow)]
        id: Cow<'t, str>,
        #[serde(borrow, default)]
        kind: Option<Cow<'t, str>>,
    }
    let not_written =
        |error: serde_json::Error| BadField::line(format!("cannot be written as JSON: {error}"));
    let text = serde_json::to_string(job).map_err(not_written)?;
    let named = serde_json::from_str::<Named<'_>>(&text);
    if named.is_ok_and(|named| {
        named.id == id && (of_kind.is_none() || named.kind.as_deref() == of_kind)
    }) {
        return Ok(text);
    }
    let value = serde_json::from_str(&text).map_err(not_written)?;
    let Value::Object(mut object) = value else {
        return Err(BadField::line(format!(
            "must be a JSON object, this is {}",
            kind(&value)
        )));
    };
    object.insert("id".to_owned(), id.into());
    if let Some(name) = of_kind {
        object.insert("kind".to_owned(), name.into());
    }
    Ok(Value::Object(object).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Mail {
        to: &'static str,
    }

    #[derive(Serialize)]
    struct Named {
        to: &'static str,
        id: &'static str,
    }

    #[test]
    fn a_job_waits_with_its_id_and_its_kind() {
        let text = |kind, job| job_text(kind, "7", job).unwrap();
        assert_eq!(text(None, &Mail { to: "a" }), r#"{"id":"7","to":"a"}"#);
        assert_eq!(
            text(Some("mail"), &Mail { to: "a" }),
            r#"{"id":"7","kind":"mail","to":"a"}"#
        );
    }

    #[test]
    fn a_line_runs_at_its_time_or_at_once() {
        let of = |text: &str| run_at(JobLine::parse(text.as_bytes()).unwrap().fields());
        for (text, seconds) in [
            (r#"{"id":"7"}"#, 0),
            (r#"{"id":"7","run_at":null}"#, 0),
            (r#"{"id":"7","run_at":"1970-01-01T00:01:00Z"}"#, 60),
            (r#"{"id":"7","run_at":"1970-01-01T01:01:00.5+01:00"}"#, 61),
            (r#"{"id":"7","run_at":"1969-12-31T00:00:00Z"}"#, 0),
            (
                r#"{"id":"7","run_at":"9999-12-31T23:59:59Z"}"#,
                253_402_300_799,
            ),
        ] {
            assert_eq!(of(text), Ok(RunAt(seconds)), "{text}");
        }
        for (text, error) in [
            (
                r#"{"id":"7","run_at":60}"#,
                "must be a string, this is a number",
            ),
            (
                r#"{"id":"7","run_at":"tomorrow"}"#,
                "must be a time as RFC 3339 writes it, such as 2030-01-31T09:00:00Z",
            ),
        ] {
            assert_eq!(of(text), Err(BadField::new("run_at", error)));
        }
    }

    #[test]
    fn a_job_that_has_its_id_is_written_as_it_is_and_another_id_is_replaced() {
        let of = |id| job_text(None, "7", &Named { to: "a", id }).unwrap();
        assert_eq!(of("7"), r#"{"to":"a","id":"7"}"#);
        assert_eq!(of("8"), r#"{"id":"7","to":"a"}"#);
        assert_eq!(job_text(None, "7", "text").unwrap_err().field, "line");
    }
}

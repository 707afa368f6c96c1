//! A line of a user's type is read as `serde_json` reads it, or says which field is wrong and repeats no
//! value; and what waits in the queue is the same job.

use std::collections::BTreeMap;
use std::fmt::Debug;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::read;
use crate::line::{JobLine, MAX_ID_BYTES, job_text, run_at};

/// Stands in values, as secrets do; and as numbers do.
const SECRETS: [&str; 2] = ["hunter2", "77777"];

/// A plain job.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Mail {
    to: Vec<String>,
    size: Option<u8>,
    #[serde(default)]
    headers: BTreeMap<String, i32>,
    urgency: Option<Urgency>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Urgency {
    High,
    Low,
}

/// One that knows its id, and wants nothing else.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Strict {
    id: String,
    #[serde(default)]
    kind: Option<String>,
    inner: Inner,
    flag: bool,
    letter: Option<char>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Inner {
    pair: (i64, String),
    deeper: Option<Box<Inner>>,
}

/// One of several.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
enum Step {
    Resize { width: u16, height: u16 },
    Wait { seconds: u32 },
    Nothing,
}

/// Fields of its own, and those of another.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Flat {
    name: String,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

/// Reads a line as each of the types.
pub(crate) fn check(line: &[u8]) {
    let line = match JobLine::parse(line) {
        Ok(line) => line,
        Err(bad) => {
            assert!(!bad.field.is_empty() && !bad.error.is_empty(), "{bad:?}");
            assert!(!shows_a_secret(&bad.error), "{bad:?}");
            return;
        }
    };
    assert!(!line.id().is_empty() && line.id().len() <= MAX_ID_BYTES);
    if let Err(bad) = run_at(line.fields()) {
        assert_eq!(bad.field, "run_at");
        assert!(!shows_a_secret(&bad.error), "{bad:?}");
    }
    check_as::<Mail>(&line);
    check_as::<Strict>(&line);
    check_as::<Step>(&line);
    check_as::<Flat>(&line);
}

fn check_as<J: Debug + PartialEq + Serialize + DeserializeOwned>(line: &JobLine<'_>) {
    let expected = serde_json::from_str::<J>(line.text());
    let job = match (read::<J>(line.text()), expected) {
        (Ok(job), Ok(expected)) => {
            assert_eq!(job, expected);
            job
        }
        (Err(bad), Err(_)) => {
            assert!(!bad.field.is_empty() && !bad.error.is_empty(), "{bad:?}");
            assert!(!shows_a_secret(&bad.error), "{bad:?}");
            return;
        }
        (read, expected) => panic!("{read:?} is not {expected:?}"),
    };
    for kind in [None, Some("mail")] {
        let text = job_text(kind, line.id(), &job).expect("it is an object");
        let queued: Value = serde_json::from_str(&text).expect("it is JSON");
        assert_eq!(queued["id"], line.id());
        if let Some(kind) = kind {
            assert_eq!(queued["kind"], kind);
        }
        let again = JobLine::parse(text.as_bytes()).expect("what waits is a line");
        assert_eq!(again.id(), line.id());
        // The id and the kind are put in, and everything else stays.
        let without = |value: &Value| {
            let mut value = value.clone();
            let object = value.as_object_mut().expect("it is an object");
            object.remove("id");
            object.remove("kind");
            value
        };
        let told = serde_json::to_value(&job).expect("a job can be written");
        assert_eq!(without(&queued), without(&told));
    }
}

fn shows_a_secret(text: &str) -> bool {
    SECRETS.iter().any(|secret| text.contains(secret))
}

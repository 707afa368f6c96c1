//! What a witness has seen, a line of JSON for each, with the time.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::Fallible;

/// One file of the history: that of one witness.
#[derive(Debug)]
pub(crate) struct History {
    file: File,
    witness: String,
}

impl History {
    /// What stands there stays.
    pub(crate) fn open(path: &Path, witness: &str) -> Fallible<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Self {
            file,
            witness: witness.to_owned(),
        })
    }

    /// Adds what was seen now. A line is one write, so that several processes can add to one file, and
    /// one that is killed leaves no half of it.
    pub(crate) fn add(&self, kind: &str, mut seen: Value) -> Fallible {
        seen["kind"] = kind.into();
        seen["t"] = now().into();
        seen["by"] = self.witness.as_str().into();
        (&self.file).write_all(format!("{seen}\n").as_bytes())?;
        Ok(())
    }
}

/// Seconds since 1970, by a clock that no disaster sets.
pub(crate) fn now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0.0, |time| time.as_secs_f64())
}

//! Small things between this program and the database library.

use std::path::Path;

use crate::queue::QueueError;

/// A failed transaction, in words.
pub(super) struct Failed(pub(super) String);

impl From<sqlx::Error> for Failed {
    fn from(error: sqlx::Error) -> Self {
        Self(reason(&error))
    }
}

impl From<serde_json::Error> for Failed {
    fn from(error: serde_json::Error) -> Self {
        Self(error.to_string())
    }
}

pub(super) fn unreadable(path: &Path, error: &sqlx::Error) -> QueueError {
    QueueError::Open {
        path: path.to_path_buf(),
        reason: reason(error),
    }
}

/// What the database said, without the library's words around it.
pub(super) fn reason(error: &sqlx::Error) -> String {
    match error.as_database_error() {
        Some(database) => database.message().to_owned(),
        None => error.to_string(),
    }
}

/// `SQLite`'s integers are signed; nothing here comes near the end of either range.
pub(super) fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

pub(super) fn unsigned(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}

//! The state directory: where the queue lives between two runs.
//!
//! `--state DIR` holds the queue's database and a lock file. The lock is the operating system's, so
//! it goes with the process, also with `kill -9`; two runs on one state would hand the same jobs
//! out twice. The directory is readable by its owner alone, because queued jobs hold headers and
//! bodies.
//!
//! Without `--state` the queue lives in a fresh directory under the system's temporary directory,
//! which is removed at the end: a file of jobs may be larger than memory, so the queue is on disk
//! all the same.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// Why a state cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// The directory cannot be made or written.
    #[error("cannot use the state {}: {source}", path.display())]
    Io {
        /// The directory.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Another run holds the lock.
    #[error("the state {} is in use by another run: wait for it, or give another --state", path.display())]
    Locked {
        /// The directory.
        path: PathBuf,
    },
}

/// An open state directory. Dropping it gives the lock back, and removes a temporary one.
#[derive(Debug)]
pub(crate) struct State {
    path: PathBuf,
    /// Held for its lock.
    _lock: File,
    /// Held to be removed, when the state is temporary.
    temporary: Option<tempfile::TempDir>,
}

impl State {
    /// Opens the directory, made when it is not there, or a temporary one.
    pub(crate) fn open(dir: Option<&Path>) -> Result<Self, StateError> {
        let temporary = match dir {
            Some(_) => None,
            None => Some(
                tempfile::Builder::new()
                    .prefix("http-context-worker-")
                    .tempdir()
                    .map_err(|source| StateError::Io {
                        path: std::env::temp_dir(),
                        source,
                    })?,
            ),
        };
        let path = match (&temporary, dir) {
            (Some(temporary), _) => temporary.path().to_path_buf(),
            (None, Some(dir)) => dir.to_path_buf(),
            (None, None) => std::env::temp_dir(),
        };
        let failed = |source| StateError::Io {
            path: path.clone(),
            source,
        };
        make_private(&path).map_err(failed)?;
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.join("lock"))
            .map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                path,
                _lock: lock,
                temporary,
            }),
            Err(TryLockError::WouldBlock) => Err(StateError::Locked { path }),
            Err(TryLockError::Error(source)) => Err(StateError::Io { path, source }),
        }
    }

    /// The directory.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The queue's database file.
    pub(crate) fn database(&self) -> PathBuf {
        self.path.join("queue.sqlite")
    }

    /// Whether the state outlives this run.
    pub(crate) fn is_kept(&self) -> bool {
        self.temporary.is_none()
    }
}

#[cfg(unix)]
fn make_private(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
}

#[cfg(not(unix))]
fn make_private(path: &Path) -> io::Result<()> {
    std::fs::create_dir_all(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_run_on_one_state_is_refused_until_the_first_ends() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/state");
        let first = State::open(Some(&path)).unwrap();
        assert!(matches!(
            State::open(Some(&path)),
            Err(StateError::Locked { .. })
        ));
        drop(first);
        State::open(Some(&path)).unwrap();
    }

    #[test]
    fn a_temporary_state_is_removed() {
        let state = State::open(None).unwrap();
        let path = state.path().to_path_buf();
        assert!(path.is_dir() && !state.is_kept());
        drop(state);
        assert!(!path.exists());
    }
}

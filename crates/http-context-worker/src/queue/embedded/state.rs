//! The state directory: where the queue lives between two runs.
//!
//! `--state DIR` holds the queue's database and a lock file. The lock is the operating system's, so
//! it goes with the process, also with `kill -9`; two runs on one state would hand the same jobs
//! out twice. Queued jobs hold headers and bodies, so a directory that is made here is its owner's
//! alone. In a directory that was there before, the database's files are; where the file system does
//! not allow that, a sentence says so.
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

    /// Makes the database's files, those that `SQLite` adds to it included, their owner's alone.
    /// Returns why others can read them, where that cannot be had.
    pub(crate) fn keep_private(&self) -> Result<Option<String>, StateError> {
        let database = self.database();
        let others = private::keep(&database).map_err(|source| StateError::Io {
            path: self.path.clone(),
            source,
        })?;
        Ok(others.map(|reason| {
            format!(
                "{} holds what jobs hold, and is not its owner's alone: {reason}; give a --state that is",
                database.display()
            )
        }))
    }

    /// Whether the state outlives this run.
    pub(crate) fn is_kept(&self) -> bool {
        self.temporary.is_none()
    }
}

#[cfg(all(unix, not(http_context_no_unix)))]
mod private {
    use std::fs::{File, Permissions};
    use std::io;
    use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
    use std::path::{Path, PathBuf};

    const OWNER_ONLY: u32 = 0o600;
    const OTHERS: u32 = 0o077;

    /// `SQLite` gives the files that it adds the mode of the first.
    pub(super) fn keep(database: &Path) -> io::Result<Option<String>> {
        // Made here, so that it never stood there for all to read.
        match File::options()
            .write(true)
            .create_new(true)
            .mode(OWNER_ONLY)
            .open(database)
        {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        for name in ["", "-wal", "-shm"] {
            let mut path = database.as_os_str().to_owned();
            path.push(name);
            if let Some(reason) = keep_one(&PathBuf::from(path))? {
                return Ok(Some(reason));
            }
        }
        Ok(None)
    }

    fn keep_one(path: &Path) -> io::Result<Option<String>> {
        let found = match path.symlink_metadata() {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        if found.is_symlink() {
            return Ok(Some("it is a link".to_owned()));
        }
        let owner = rustix::process::geteuid().as_raw();
        if found.uid() != owner {
            return Ok(Some(format!("user {} owns it", found.uid())));
        }
        if found.mode() & OTHERS == 0 {
            return Ok(None);
        }
        // What its owner may do with it is the owner's to say.
        let owners = Permissions::from_mode(found.mode() & !OTHERS);
        let changed = std::fs::set_permissions(path, owners);
        // Some file systems know no modes, and some take them and keep their own.
        let mode = path.symlink_metadata()?.mode();
        if mode & OTHERS == 0 {
            return Ok(None);
        }
        let reason = changed.err().map_or_else(
            || "its mode cannot be changed".to_owned(),
            |error| error.to_string(),
        );
        Ok(Some(format!("{reason} (mode {:o})", mode & 0o777)))
    }
}

#[cfg(any(not(unix), http_context_no_unix))]
mod private {
    use std::io;
    use std::path::Path;

    /// Who can read a file is not known here.
    #[expect(clippy::unnecessary_wraps, reason = "the same signature as on Unix")]
    pub(super) fn keep(_: &Path) -> io::Result<Option<String>> {
        Ok(None)
    }
}

#[cfg(all(unix, not(http_context_no_unix)))]
fn make_private(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
}

#[cfg(any(not(unix), http_context_no_unix))]
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

    #[cfg(all(unix, not(http_context_no_unix)))]
    #[test]
    fn a_database_of_somebody_else_or_elsewhere_is_reported() {
        let dir = tempfile::tempdir().unwrap();
        let state = State::open(Some(dir.path())).unwrap();
        let elsewhere = dir.path().join("elsewhere");
        std::fs::write(&elsewhere, "").unwrap();
        std::os::unix::fs::symlink(&elsewhere, state.database()).unwrap();
        let sentence = state.keep_private().unwrap().unwrap();
        assert!(
            sentence.ends_with("is not its owner's alone: it is a link; give a --state that is")
        );
        std::fs::remove_file(state.database()).unwrap();
        assert_eq!(state.keep_private().unwrap(), None);
        // As root a file can be given away.
        if std::os::unix::fs::chown(state.database(), Some(12345), None).is_ok() {
            let sentence = state.keep_private().unwrap().unwrap();
            assert!(sentence.contains("user 12345 owns it"), "{sentence}");
        }
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

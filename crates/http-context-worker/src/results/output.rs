//! A file of lines that survives a crash: `--results` and `--rejects`.
//!
//! A regular file is written in batches. After a batch its length is handed to the queue, which
//! writes it down in the same transaction that takes the batch's jobs off the queue. What stands in
//! the file past the recorded length was written by a run that died before that transaction, so
//! [`Output::open`] cuts it off: a torn line and a line whose job will run again disappear
//! together.
//!
//! Standard output, a pipe or a device cannot be cut. There a batch is written before its jobs
//! leave the queue, so a run killed between the two repeats those lines when it is started again;
//! none is lost.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, IsTerminal as _, Read as _, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::terminal::Beside;

/// Where lines go.
///
/// ```
/// use http_context_worker::{JobsFrom, Plan, Target};
///
/// let plan = Plan::run(JobsFrom::File("jobs.ndjson".into())).results(Target::File("results.ndjson".into()));
/// # drop(plan);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Standard output, written as `-` on the command line.
    Stdout,
    /// Standard error.
    Stderr,
    /// A file that is created, or begun anew when the state does not know it.
    File(PathBuf),
}

impl Target {
    /// The name by which the state remembers this target.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Stdout => "-".to_owned(),
            Self::Stderr => "standard error".to_owned(),
            Self::File(path) => std::path::absolute(path)
                .unwrap_or_else(|_| path.clone())
                .display()
                .to_string(),
        }
    }
}

/// Why an output cannot be opened or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutputError {
    /// The operating system refused.
    #[error("cannot write {}: {source}", path.display())]
    Io {
        /// The file, as it was given.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Lines that the state has recorded are gone from the file.
    #[error(
        "{} has {length} bytes, but {recorded} were written to it before: it was cut or replaced since; put it \
         back, or begin with a new --state",
        path.display()
    )]
    Shorter {
        /// The file, as it was given.
        path: PathBuf,
        /// Its length now.
        length: u64,
        /// Its length at the last commit.
        recorded: u64,
    },
    /// Another process has it open.
    #[error("{} is written by another process: wait for it, or give each a file of its own", path.display())]
    Locked {
        /// The file, as it was given.
        path: PathBuf,
    },
    /// It is to be appended to, and its last line has no end.
    #[error("{} ends in the middle of a line, and not by this queue: give another file", path.display())]
    Torn {
        /// The file, as it was given.
        path: PathBuf,
    },
}

/// An open output. Lines go in whole batches. A regular file is locked for as long as it is open.
pub(crate) struct Output {
    name: String,
    path: PathBuf,
    sink: Sink,
}

enum Sink {
    Regular { file: File, length: u64, sync: bool },
    Stream(Box<dyn Write + Send + Sync>),
}

impl Output {
    /// Opens `target` and cuts it to `recorded` bytes, its length at the last commit. `sync` asks
    /// for each batch to reach the disk before its jobs leave the queue, which a state that is
    /// thrown away does not need.
    pub(crate) fn open(target: &Target, recorded: u64, sync: bool) -> Result<Self, OutputError> {
        let path = match target {
            Target::Stdout if io::stdout().is_terminal() => {
                return Ok(Self::stream(
                    target,
                    "standard output",
                    Beside(io::stdout()),
                ));
            }
            Target::Stdout => return Ok(Self::stream(target, "standard output", io::stdout())),
            Target::Stderr => {
                return Ok(Self::stream(target, "standard error", Beside(io::stderr())));
            }
            Target::File(path) => path,
        };
        let sink = open_file(path, recorded, sync).map_err(|error| match error {
            Opening::Io(source) => OutputError::Io {
                path: path.clone(),
                source,
            },
            Opening::Shorter(length) => OutputError::Shorter {
                path: path.clone(),
                length,
                recorded,
            },
            Opening::Locked => OutputError::Locked { path: path.clone() },
        })?;
        Ok(Self {
            name: target.name(),
            path: path.clone(),
            sink,
        })
    }

    /// What goes to a function of the user's: nothing is written here.
    pub(crate) fn of_function(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            path: PathBuf::from(name),
            sink: Sink::Stream(Box::new(io::sink())),
        }
    }

    fn stream(target: &Target, name: &str, stream: impl Write + Send + Sync + 'static) -> Self {
        Self {
            name: target.name(),
            path: PathBuf::from(name),
            sink: Sink::Stream(Box::new(stream)),
        }
    }

    /// The bytes that stand in `target` and are not a queue's: 0 for what is not there or cannot be
    /// cut.
    pub(crate) fn standing(target: &Target) -> Result<u64, OutputError> {
        let Target::File(path) = target else {
            return Ok(0);
        };
        match last_byte(path) {
            Ok((0, _)) => Ok(0),
            Ok((length, b'\n')) => Ok(length),
            Ok(_) => Err(OutputError::Torn { path: path.clone() }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(source) => Err(OutputError::Io {
                path: path.clone(),
                source,
            }),
        }
    }

    /// The name by which a queue remembers it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is no regular file, and cannot be cut.
    pub(crate) fn is_stream(&self) -> bool {
        matches!(self.sink, Sink::Stream(_))
    }

    /// Takes back what stands behind `length`. What went to a stream stays.
    pub(crate) fn cut(&mut self, to: u64) -> Result<(), OutputError> {
        let Sink::Regular { file, length, .. } = &mut self.sink else {
            return Ok(());
        };
        file.set_len(to)
            .and_then(|()| file.seek(SeekFrom::Start(to)))
            .map(|_| *length = to)
            .map_err(|source| OutputError::Io {
                path: self.path.clone(),
                source,
            })
    }

    /// The length to write down with the commit: 0 for what cannot be cut.
    pub(crate) fn length(&self) -> u64 {
        match &self.sink {
            Sink::Regular { length, .. } => *length,
            Sink::Stream(_) => 0,
        }
    }

    /// Writes whole lines, and returns once they are where a crash of this process cannot take
    /// them.
    pub(crate) fn append(&mut self, lines: &[u8]) -> Result<(), OutputError> {
        if lines.is_empty() {
            return Ok(());
        }
        let written = match &mut self.sink {
            Sink::Regular { file, length, sync } => file
                .write_all(lines)
                .and_then(|()| if *sync { file.sync_data() } else { Ok(()) })
                .map(|()| *length += lines.len() as u64),
            Sink::Stream(stream) => stream.write_all(lines).and_then(|()| stream.flush()),
        };
        written.map_err(|source| OutputError::Io {
            path: self.path.clone(),
            source,
        })
    }
}

/// The length of a regular file, and its last byte.
fn last_byte(path: &Path) -> io::Result<(u64, u8)> {
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() || metadata.len() == 0 {
        return Ok((0, 0));
    }
    let mut file = File::open(path)?;
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok((metadata.len(), last[0]))
}

enum Opening {
    Io(io::Error),
    Locked,
    Shorter(u64),
}

impl From<io::Error> for Opening {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

fn open_file(path: &Path, recorded: u64, sync: bool) -> Result<Sink, Opening> {
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Ok(Sink::Stream(Box::new(file)));
    }
    // Where the file system knows no locks there is none.
    if let Err(TryLockError::WouldBlock) = file.try_lock() {
        return Err(Opening::Locked);
    }
    if metadata.len() < recorded {
        return Err(Opening::Shorter(metadata.len()));
    }
    file.set_len(recorded)?;
    file.seek(SeekFrom::Start(recorded))?;
    Ok(Sink::Regular {
        file,
        length: recorded,
        sync,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_recorded_is_cut_off() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out");
        let target = Target::File(path.clone());
        let mut output = Output::open(&target, 0, true).unwrap();
        output.append(b"one\n").unwrap();
        let recorded = output.length();
        output.append(b"two\nthr").unwrap();
        drop(output);
        let mut output = Output::open(&target, recorded, true).unwrap();
        output.append(b"three\n").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one\nthree\n");
        assert_eq!(output.length(), 10);
    }

    #[test]
    fn a_file_that_lost_recorded_lines_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out");
        std::fs::write(&path, "abc").unwrap();
        let Err(error) = Output::open(&Target::File(path), 4, true) else {
            panic!("a file that is too short was taken");
        };
        assert!(matches!(
            error,
            OutputError::Shorter {
                length: 3,
                recorded: 4,
                ..
            }
        ));
    }

    #[test]
    fn a_device_is_a_stream() {
        let mut output = Output::open(&Target::File("/dev/null".into()), 7, true).unwrap();
        output.append(b"x\n").unwrap();
        assert_eq!(output.length(), 0);
    }
}

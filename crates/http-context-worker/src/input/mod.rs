//! The file of jobs, or standard input, opened where the last run left off.
//!
//! The queue knows how many bytes of each input were read. Going on there is only right if it is
//! still the same input, so a digest of all of these bytes is kept too and compared. An input that
//! was read to its end and differs in any of them, or is shorter, is a new one of the same name and
//! is read from its start. An input that was *not* read to its end must not be exchanged, because the
//! jobs on its unread lines would be lost.
//!
//! The last line of an input may have no end because its producer was not done with it. So what was
//! read of it is compared and read again, together with what stands behind it by now.

pub(crate) mod lines;
mod resume;

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::PathBuf;

pub(crate) use self::resume::ContentDigest;

const BUFFER_BYTES: usize = 128 * 1024;

/// Where jobs come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobsFrom {
    /// Standard input, written as `-` on the command line.
    Stdin,
    /// A file.
    File(PathBuf),
}

impl std::fmt::Display for JobsFrom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Stdin => f.write_str("standard input"),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}

/// Why jobs cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// The operating system refused.
    #[error("cannot read jobs from {from}: {source}")]
    Io {
        /// The input.
        from: JobsFrom,
        /// What the operating system said.
        source: io::Error,
    },
    /// The input was exchanged before it was read to its end.
    #[error(
        "{from} is not what it was when {lines} of its lines were queued, and the rest of it was not read yet; \
         put it back, or finish what is queued with --jobs /dev/null, or give what is there now another name"
    )]
    Exchanged {
        /// The input.
        from: JobsFrom,
        /// The lines that were read of it.
        lines: u64,
    },
}

type Reader = BufReader<Box<dyn Read + Send>>;

/// An open input, not yet where it is read on.
pub(crate) struct Input {
    from: JobsFrom,
    reader: Reader,
    /// A second handle on a regular file, which can be positioned instead of read through.
    file: Option<File>,
}

impl Input {
    pub(crate) fn open(from: &JobsFrom) -> Result<Self, InputError> {
        let failed = |source| InputError::Io {
            from: from.clone(),
            source,
        };
        let (reader, file): (Box<dyn Read + Send>, _) = match from {
            JobsFrom::Stdin => (Box::new(io::stdin()), None),
            JobsFrom::File(path) => {
                let file = File::open(path).map_err(failed)?;
                let metadata = file.metadata().map_err(failed)?;
                if metadata.is_dir() {
                    return Err(failed(io::ErrorKind::IsADirectory.into()));
                }
                let handle = if metadata.is_file() {
                    Some(file.try_clone().map_err(failed)?)
                } else {
                    None
                };
                (Box::new(file), handle)
            }
        };
        Ok(Self {
            from: from.clone(),
            reader: BufReader::with_capacity(BUFFER_BYTES, reader),
            file,
        })
    }

    /// The name by which the state remembers this input.
    pub(crate) fn name(&self) -> String {
        match &self.from {
            JobsFrom::Stdin => "-".to_owned(),
            JobsFrom::File(path) => std::path::absolute(path)
                .unwrap_or_else(|_| path.clone())
                .display()
                .to_string(),
        }
    }

    pub(crate) fn io_error(&self, source: io::Error) -> InputError {
        InputError::Io {
            from: self.from.clone(),
            source,
        }
    }

    pub(crate) fn reader(&mut self) -> &mut Reader {
        &mut self.reader
    }
}

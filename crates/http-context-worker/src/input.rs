//! The file of jobs, or standard input, opened where the last run left off.
//!
//! The queue knows how many bytes of each input were read. Going on there is only right if it is
//! still the same input, so a digest of its first bytes is kept too and compared. An input that was
//! read to its end and has other first bytes now is a new one of the same name and is read from its
//! start; one that was *not* read to its end must not be exchanged, because the jobs on its unread
//! lines would be lost.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::PathBuf;

use sha2::{Digest, Sha256};

use crate::queue::InputPlace;

/// How many of the first bytes tell an input from another one of the same name.
const PREFIX_BYTES: usize = 4096;

/// The first bytes of an input, as far as it was read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Prefix(Vec<u8>);

impl Prefix {
    /// Adds the bytes that were read next.
    pub(crate) fn extend(&mut self, bytes: &[u8]) {
        let room = PREFIX_BYTES - self.0.len();
        self.0.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// The digest that the state keeps.
    pub(crate) fn digest(&self) -> Vec<u8> {
        Sha256::digest(&self.0).to_vec()
    }
}

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

/// An open input, not yet at its place.
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

    /// Goes to `place`, or to the start of what is a new input. Returns where it stands, and the
    /// bytes before that. Blocks while it reads.
    pub(crate) fn go_to(&mut self, place: InputPlace) -> Result<(InputPlace, Prefix), InputError> {
        if place.offset == 0 {
            return Ok((place, Prefix::default()));
        }
        let length = usize::try_from(place.offset).map_or(PREFIX_BYTES, |n| n.min(PREFIX_BYTES));
        let mut prefix = Prefix(vec![0; length]);
        let got =
            read_up_to(&mut self.reader, &mut prefix.0).map_err(|error| self.io_error(error))?;
        let same = got == length
            && prefix.digest() == place.digest
            && self
                .skip(place.offset - length as u64)
                .map_err(|error| self.io_error(error))?;
        if same {
            return Ok((place, prefix));
        }
        if !place.complete {
            return Err(InputError::Exchanged {
                from: self.from.clone(),
                lines: place.line,
            });
        }
        // A new input. What was read of it to compare is put back in front.
        let rest = std::mem::replace(
            &mut self.reader,
            BufReader::with_capacity(1, Box::new(io::empty())),
        );
        prefix.0.truncate(got);
        let reader: Box<dyn Read + Send> = match &mut self.file {
            Some(file) => {
                file.rewind().map_err(|source| InputError::Io {
                    from: self.from.clone(),
                    source,
                })?;
                Box::new(file.try_clone().map_err(|source| InputError::Io {
                    from: self.from.clone(),
                    source,
                })?)
            }
            None => Box::new(io::Cursor::new(prefix.0).chain(rest)),
        };
        self.reader = BufReader::with_capacity(BUFFER_BYTES, reader);
        let start = InputPlace {
            rejected: place.rejected,
            ..InputPlace::default()
        };
        Ok((start, Prefix::default()))
    }

    /// Skips bytes; whether there were that many.
    fn skip(&mut self, bytes: u64) -> io::Result<bool> {
        if let Some(file) = &mut self.file {
            // Both handles share one position, and the buffer has read ahead of it.
            let here = file.stream_position()? - self.reader.buffer().len() as u64;
            if file.metadata()?.len() < here + bytes {
                return Ok(false);
            }
            let ahead = self.reader.buffer().len();
            self.reader.consume(ahead);
            file.seek(SeekFrom::Start(here + bytes))?;
            return Ok(true);
        }
        let skipped = io::copy(&mut self.reader.by_ref().take(bytes), &mut io::sink())?;
        Ok(skipped == bytes)
    }
}

fn read_up_to(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut got = 0;
    while got < buffer.len() {
        match reader.read(&mut buffer[got..]) {
            Ok(0) => break,
            Ok(n) => got += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(got)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(offset: u64, prefix: &[u8], complete: bool) -> InputPlace {
        InputPlace {
            offset,
            line: 1,
            complete,
            digest: Sha256::digest(prefix).to_vec(),
            rejected: 3,
        }
    }

    fn rest_after(content: &[u8], at: InputPlace) -> Result<(u64, String), InputError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("jobs");
        std::fs::write(&path, content).unwrap();
        let mut input = Input::open(&JobsFrom::File(path)).unwrap();
        let (at, _) = input.go_to(at)?;
        let mut rest = String::new();
        input.reader().read_to_string(&mut rest).unwrap();
        Ok((at.offset, rest))
    }

    #[test]
    fn the_same_input_goes_on_where_it_was() {
        let (offset, rest) = rest_after(b"one\ntwo\n", place(4, b"one\n", false)).unwrap();
        assert_eq!((offset, rest.as_str()), (4, "two\n"));
        let (offset, rest) =
            rest_after(b"one\ntwo\nthree\n", place(8, b"one\ntwo\n", false)).unwrap();
        assert_eq!((offset, rest.as_str()), (8, "three\n"));
    }

    #[test]
    fn another_input_of_the_same_name_is_read_from_its_start() {
        let (offset, rest) = rest_after(b"new\nall\n", place(4, b"one\n", true)).unwrap();
        assert_eq!((offset, rest.as_str()), (0, "new\nall\n"));
        let (offset, rest) = rest_after(b"o", place(4, b"one\n", true)).unwrap();
        assert_eq!((offset, rest.as_str()), (0, "o"));
    }

    #[test]
    fn an_input_that_was_not_read_to_its_end_must_not_change() {
        for content in [&b"new\nall\n"[..], b"one\ntw", b""] {
            assert!(matches!(
                rest_after(content, place(8, b"one\ntwo\n", false)),
                Err(InputError::Exchanged { lines: 1, .. })
            ));
        }
    }
}

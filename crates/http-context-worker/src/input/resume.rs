//! Going on in an input where it was left, if it is the same.

use std::io::{self, BufRead, BufReader, Cursor, Read, Seek, SeekFrom};

use sha2::{Digest, Sha256};
use tempfile::SpooledTempFile;

use super::{BUFFER_BYTES, Input, InputError, Reader};
use crate::queue::InputOffset;

/// The digest of the bytes that were read.
#[derive(Clone, Debug, Default)]
pub(crate) struct ContentDigest(Sha256);

impl ContentDigest {
    /// Adds the bytes that were read next.
    pub(crate) fn extend(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest that the queue keeps.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        self.0.clone().finalize().to_vec()
    }
}

/// Of what is read a second time from a stream, so much stays in memory; the rest goes to a temporary
/// file.
const SPOOL_BYTES: usize = 1024 * 1024;

impl Input {
    /// Goes to `offset`, or to the start of what is a new input. Blocks while it reads.
    pub(crate) fn go_to(&mut self, offset: InputOffset) -> Result<Resumed, InputError> {
        if offset.bytes == 0 {
            return Ok(Resumed::at(offset));
        }
        let found = self
            .compare(&offset)
            .map_err(|error| self.io_error(error))?;
        let start = match found {
            Found::Same(resumed) => return Ok(*resumed),
            Found::Other(_) if !offset.complete => {
                return Err(InputError::Exchanged {
                    from: self.from.clone(),
                    lines: offset.lines,
                });
            }
            Found::Other(start) => start,
        };
        self.read_from(start, 0)
            .map_err(|error| self.io_error(error))?;
        Ok(Resumed::at(InputOffset {
            rejected: offset.rejected,
            ..InputOffset::default()
        }))
    }

    /// Reads the bytes before `offset` and compares them with those that were read before. When they
    /// are the same the input stands before a last line that has no end.
    fn compare(&mut self, offset: &InputOffset) -> io::Result<Found> {
        let whole_lines = offset.bytes.saturating_sub(offset.unended);
        let mut digest = ContentDigest::default();
        let mut spool = SpooledTempFile::new(SPOOL_BYTES);
        let is_stream = self.file.is_none();
        let mut read_again = |bytes: &[u8]| -> io::Result<()> {
            if is_stream {
                io::Write::write_all(&mut spool, bytes)?;
            }
            Ok(())
        };
        let mut is_whole = read_exactly(&mut self.reader, whole_lines, |bytes| {
            digest.extend(bytes);
            read_again(bytes)
        })?;
        let before_last = digest.clone();
        let mut last_line = Vec::new();
        if is_whole {
            is_whole = read_exactly(&mut self.reader, offset.unended, |bytes| {
                digest.extend(bytes);
                let room = LAST_LINE_BYTES.saturating_sub(last_line.len());
                last_line.extend_from_slice(&bytes[..bytes.len().min(room)]);
                read_again(bytes)
            })?;
        }
        let start = if is_stream {
            Start::Spooled(spool)
        } else {
            Start::File
        };
        if !is_whole || digest.to_bytes() != offset.digest {
            return Ok(Found::Other(start));
        }
        if offset.unended > 0 {
            self.read_from(start, whole_lines)?;
        }
        Ok(Found::Same(Box::new(Resumed {
            offset: InputOffset {
                bytes: whole_lines,
                lines: offset.lines - u64::from(offset.unended > 0),
                ..offset.clone()
            },
            digest: before_last,
            last_line,
        })))
    }

    /// Reads on from a position that was read before.
    fn read_from(&mut self, start: Start, position: u64) -> io::Result<()> {
        let reader: Box<dyn Read + Send> = match (start, &mut self.file) {
            (Start::Spooled(mut spool), _) => {
                spool.seek(SeekFrom::Start(position))?;
                let rest = std::mem::replace(
                    &mut self.reader,
                    BufReader::with_capacity(1, Box::new(io::empty())),
                );
                Box::new(spool.chain(rest))
            }
            (Start::File, Some(file)) => {
                file.seek(SeekFrom::Start(position))?;
                Box::new(file.try_clone()?)
            }
            (Start::File, None) => Box::new(Cursor::new(Vec::new())),
        };
        self.reader = BufReader::with_capacity(BUFFER_BYTES, reader);
        Ok(())
    }
}

/// So much of a last line without its end is kept to be compared: more than a line may have.
const LAST_LINE_BYTES: usize = 2 * crate::line::MAX_LINE_BYTES;

/// Where an input stands.
#[derive(Debug)]
pub(crate) struct Resumed {
    /// Before the next line.
    pub(crate) offset: InputOffset,
    /// The digest of the bytes before that.
    pub(crate) digest: ContentDigest,
    /// What was read before of the next line, which had no end then. Empty when all lines had one.
    pub(crate) last_line: Vec<u8>,
}

impl Resumed {
    fn at(offset: InputOffset) -> Self {
        Self {
            offset,
            digest: ContentDigest::default(),
            last_line: Vec::new(),
        }
    }
}

/// What stands where an input was read before.
enum Found {
    Same(Box<Resumed>),
    /// Something else, which begins there.
    Other(Start),
}

/// Where bytes that were read are read again.
enum Start {
    File,
    /// What was taken out of a stream.
    Spooled(SpooledTempFile),
}

/// Gives away so many bytes of the input; whether there were that many.
fn read_exactly(
    reader: &mut Reader,
    mut bytes: u64,
    mut give: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<bool> {
    while bytes > 0 {
        let chunk = match reader.fill_buf() {
            Ok([]) => return Ok(false),
            Ok(chunk) => chunk,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let length = usize::try_from(bytes).map_or(chunk.len(), |bytes| bytes.min(chunk.len()));
        give(&chunk[..length])?;
        reader.consume(length);
        bytes -= length as u64;
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::JobsFrom;

    /// The offset behind all of `read`, of which the last line may have no end.
    fn behind(read: &[u8], complete: bool) -> InputOffset {
        let unended = read.split(|byte| *byte == b'\n').next_back().unwrap();
        let lines = read.split_inclusive(|byte| *byte == b'\n').count();
        InputOffset {
            bytes: read.len() as u64,
            lines: lines as u64,
            complete,
            digest: Sha256::digest(read).to_vec(),
            unended: unended.len() as u64,
            rejected: 3,
        }
    }

    /// Where a file of this content is read on, its rest, and what is known of the next line.
    fn resumed(
        content: &[u8],
        offset: InputOffset,
        as_stream: bool,
    ) -> Result<(u64, String, String), InputError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("jobs");
        std::fs::write(&path, content).unwrap();
        let mut input = Input::open(&JobsFrom::File(path)).unwrap();
        if as_stream {
            input.file = None;
        }
        let resumed = input.go_to(offset)?;
        assert_eq!(resumed.offset.rejected, 3);
        let mut rest = String::new();
        input.reader().read_to_string(&mut rest).unwrap();
        let last_line = String::from_utf8(resumed.last_line).unwrap();
        Ok((resumed.offset.bytes, rest, last_line))
    }

    #[test]
    fn the_same_input_goes_on_where_it_was() {
        for as_stream in [false, true] {
            for (content, read, bytes, rest) in [
                ("one\ntwo\n", "one\n", 4, "two\n"),
                ("one\ntwo\nthree\n", "one\ntwo\n", 8, "three\n"),
                ("one\n", "one\n", 4, ""),
            ] {
                for complete in [false, true] {
                    let offset = behind(read.as_bytes(), complete);
                    let found = resumed(content.as_bytes(), offset, as_stream).unwrap();
                    assert_eq!(found, (bytes, rest.to_owned(), String::new()));
                }
            }
        }
    }

    #[test]
    fn a_last_line_without_its_end_is_read_from_its_start() {
        for as_stream in [false, true] {
            for (content, read, bytes, rest, last_line) in [
                (
                    "one\ntwo and more\nthree",
                    "one\ntwo",
                    4,
                    "two and more\nthree",
                    "two",
                ),
                ("two and more\n", "two", 0, "two and more\n", "two"),
                ("one\ntwo", "one\ntwo", 4, "two", "two"),
            ] {
                for complete in [false, true] {
                    let offset = behind(read.as_bytes(), complete);
                    let found = resumed(content.as_bytes(), offset, as_stream).unwrap();
                    assert_eq!(found, (bytes, rest.to_owned(), last_line.to_owned()));
                }
            }
        }
    }

    #[test]
    fn an_input_that_differs_anywhere_is_read_from_its_start() {
        let long = "x".repeat(3 * BUFFER_BYTES);
        let day_1 = format!("{long}1\n");
        let day_2 = format!("{long}2\n");
        let both = format!("{day_2}{day_1}");
        for as_stream in [false, true] {
            for (content, read) in [
                ("new\nall\n", "one\n"),
                ("o", "one\n"),
                ("", "one\n"),
                ("one", "one\n"),
                ("one\ntwx\n", "one\ntwo"),
                (&day_2, &day_1),
                (&both, &day_1),
                (&day_1[..day_1.len() - 1], &day_1),
            ] {
                let offset = behind(read.as_bytes(), true);
                let found = resumed(content.as_bytes(), offset, as_stream).unwrap();
                assert_eq!(found, (0, content.to_owned(), String::new()));
            }
        }
    }

    #[test]
    fn an_input_that_was_not_read_to_its_end_must_not_change() {
        for as_stream in [false, true] {
            for content in [&b"new\nall\n"[..], b"one\ntw", b""] {
                let offset = behind(b"one\ntwo\n", false);
                assert!(matches!(
                    resumed(content, offset, as_stream),
                    Err(InputError::Exchanged { lines: 2, .. })
                ));
            }
        }
    }
}

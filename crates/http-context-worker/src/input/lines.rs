//! Reading lines of bounded length, with the position of each.
//!
//! The standard library's `read_until` grows its buffer for as long as the line goes on; here a
//! line past the bound is skipped instead, and reported as [`Line::TooLong`]. The reader counts bytes
//! and lines, because the position after a line is what the ingest writes down as "read so far".
//!
//! A line without its end is the last one, also when the input grows meanwhile: what comes behind it
//! belongs to it, and is read with it the next time.

use std::io::{self, BufRead};

/// What stood between two line ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    /// A line, without its line end (`\n` or `\r\n`), and without a byte order mark at the start of
    /// the input.
    Text(&'a [u8]),
    /// A line past the bound, of this many bytes. Its text was not kept.
    TooLong(u64),
}

/// Reads one line after another and knows where it is.
pub(crate) struct Lines<R> {
    input: R,
    buffer: Vec<u8>,
    max: usize,
    /// The bytes before the next line: where to go on after a restart.
    offset: u64,
    /// The lines before the next line.
    line: u64,
    /// The bytes of the line that was read last, if it had no end.
    unended: u64,
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

impl<R: BufRead> Lines<R> {
    /// Reads on from `offset`, which stands after `line` whole lines. `input` is already there.
    pub(crate) fn resume(input: R, max: usize, offset: u64, line: u64) -> Self {
        Self {
            input,
            buffer: Vec::new(),
            max,
            offset,
            line,
            unended: 0,
        }
    }

    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// The number of the line that was read last, counted from 1.
    pub(crate) fn line(&self) -> u64 {
        self.line
    }

    /// The bytes of the line that was read last, if it had no end; otherwise 0.
    pub(crate) fn unended(&self) -> u64 {
        self.unended
    }

    pub(crate) fn input(&self) -> &R {
        &self.input
    }

    /// The next line, or `None` at the end. A last line needs no line end.
    pub(crate) fn next_line(&mut self) -> io::Result<Option<Line<'_>>> {
        if self.unended > 0 {
            return Ok(None);
        }
        self.buffer.clear();
        let mut length: u64 = 0;
        let mut ended = false;
        // Two bytes of room for `\r\n`, three for the mark: they do not count as part of the line.
        let keep = self.max + 5;
        while !ended {
            let chunk = match self.input.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if chunk.is_empty() {
                break;
            }
            let end = chunk.iter().position(|byte| *byte == b'\n');
            ended = end.is_some();
            let taken = end.map_or(chunk.len(), |end| end + 1);
            let room = keep.saturating_sub(self.buffer.len());
            self.buffer.extend_from_slice(&chunk[..taken.min(room)]);
            length += taken as u64;
            self.input.consume(taken);
        }
        if length == 0 {
            return Ok(None);
        }
        if !ended {
            self.unended = length;
        }
        let first = self.offset == 0;
        self.offset += length;
        self.line += 1;
        if length > self.buffer.len() as u64 {
            return Ok(Some(Line::TooLong(length)));
        }
        let mut text = self.buffer.as_slice();
        text = text.strip_suffix(b"\n").unwrap_or(text);
        text = text.strip_suffix(b"\r").unwrap_or(text);
        if first {
            text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
        }
        if text.len() > self.max {
            return Ok(Some(Line::TooLong(length)));
        }
        Ok(Some(Line::Text(text)))
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    fn all(input: &[u8], max: usize, chunk: usize) -> Vec<String> {
        let mut lines = Lines::resume(BufReader::with_capacity(chunk, input), max, 0, 0);
        let mut seen = Vec::new();
        while let Some(line) = lines.next_line().unwrap() {
            let text = match line {
                Line::Text(text) => String::from_utf8_lossy(text).into_owned(),
                Line::TooLong(length) => format!("<{length}>"),
            };
            seen.push(format!("{}:{}:{text}", lines.line(), lines.offset()));
        }
        seen
    }

    #[test]
    fn lines_end_in_every_usual_way() {
        let table: &[(&[u8], &[&str])] = &[
            (b"", &[]),
            (b"\n", &["1:1:"]),
            (b"a\nb\n", &["1:2:a", "2:4:b"]),
            (b"a\nb", &["1:2:a", "2:3:b"]),
            (b"a\r\nb\r", &["1:3:a", "2:5:b"]),
            (b"\xef\xbb\xbfa\n\xef\xbb\xbfb", &["1:5:a", "2:9:\u{feff}b"]),
            (b"\n\na", &["1:1:", "2:2:", "3:3:a"]),
        ];
        for (input, expected) in table {
            for chunk in [1, 2, 3, 64] {
                assert_eq!(&all(input, 10, chunk), expected, "{input:?} by {chunk}");
            }
        }
    }

    /// A file that grows whenever its end was seen.
    struct Growing(std::collections::VecDeque<&'static [u8]>);

    impl io::Read for Growing {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let Some(part) = self.0.pop_front() else {
                return Ok(0);
            };
            buffer[..part.len()].copy_from_slice(part);
            Ok(part.len())
        }
    }

    #[test]
    fn what_grows_behind_a_line_without_its_end_is_no_line_of_its_own() {
        let parts: [&[u8]; 5] = [b"one\ntw", b"", b"o\nthree\n", b"", b"four\n"];
        let mut lines = Lines::resume(BufReader::new(Growing(parts.into())), 10, 0, 0);
        assert_eq!(lines.next_line().unwrap(), Some(Line::Text(b"one")));
        assert_eq!(lines.unended(), 0);
        assert_eq!(lines.next_line().unwrap(), Some(Line::Text(b"tw")));
        assert_eq!((lines.unended(), lines.offset()), (2, 6));
        assert_eq!(lines.next_line().unwrap(), None);
    }

    #[test]
    fn a_line_past_the_bound_is_skipped_and_the_next_is_read() {
        for chunk in [1, 2, 7, 64] {
            assert_eq!(
                all(b"12345\n123456\r\n12345\r\n1234567890123\nx", 5, chunk),
                ["1:6:12345", "2:14:<8>", "3:21:12345", "4:35:<14>", "5:36:x"]
            );
        }
    }

    #[test]
    fn an_overlong_line_is_not_held_in_memory() {
        let input = vec![b'x'; 1 << 20];
        let mut lines = Lines::resume(input.as_slice(), 100, 0, 0);
        assert_eq!(lines.next_line().unwrap(), Some(Line::TooLong(1 << 20)));
        assert!(lines.buffer.capacity() < 4096);
    }
}

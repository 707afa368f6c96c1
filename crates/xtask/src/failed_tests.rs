//! What tests that failed have said, from what their program prints.

use std::{fmt, mem};

/// Of one test no more lines than these are said again.
const LINES: usize = 40;

/// What failed tests have said, so far.
#[derive(Debug, Default)]
pub(crate) struct FailedTests {
    /// With what each printed.
    said: Vec<Said>,
    place: Place,
}

/// Where in the output of a program the next line is.
#[derive(Debug, Default)]
enum Place {
    /// Among how each test ended.
    #[default]
    Ends,
    /// Among what those that failed have printed.
    Failures,
    /// In what the last of them has printed.
    Saying,
    /// Among what those that passed have printed.
    Successes,
}

#[derive(Debug)]
struct Said {
    test: String,
    lines: Vec<String>,
}

impl FailedTests {
    /// Takes the next line that a program of tests has printed.
    pub(crate) fn read(&mut self, line: &str) {
        match line {
            "failures:" => self.place = Place::Failures,
            "successes:" => self.place = Place::Successes,
            _ if line.starts_with("test result: ") => self.place = Place::Ends,
            _ => self.read_at(line),
        }
    }

    fn read_at(&mut self, line: &str) {
        match (&self.place, says(line)) {
            (Place::Ends, _) => {
                if let Some(test) = failed(line) {
                    self.add(test);
                }
            }
            (Place::Failures | Place::Saying, Some(test)) => {
                // It was named when it ended.
                self.said
                    .retain(|said| said.test != test || !said.lines.is_empty());
                self.add(test);
                self.place = Place::Saying;
            }
            (Place::Saying, None) => {
                if let Some(said) = self.said.last_mut() {
                    said.lines.push(line.to_owned());
                }
            }
            (Place::Failures | Place::Successes, _) => {}
        }
    }

    fn add(&mut self, test: &str) {
        self.said.push(Said {
            test: test.to_owned(),
            lines: Vec::new(),
        });
    }
}

/// The test whose output begins after this line.
fn says(line: &str) -> Option<&str> {
    let name = line.strip_prefix("---- ")?.strip_suffix(" ----")?;
    Some(name.strip_suffix(" stdout").unwrap_or(name))
}

/// The test that failed, of a line that says of one how it ended.
fn failed(line: &str) -> Option<&str> {
    let aloud = line
        .strip_prefix("test ")
        .and_then(|line| line.strip_suffix(" ... FAILED"));
    aloud.or_else(|| line.strip_suffix(" --- FAILED"))
}

impl fmt::Display for FailedTests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Said { test, lines } in &self.said {
            write!(f, "\n{test} FAILED")?;
            let mut is_after_gap = false;
            for line in lines.iter().take(LINES) {
                if line.trim().is_empty() {
                    is_after_gap = true;
                    continue;
                }
                let gap = if mem::take(&mut is_after_gap) {
                    "\n"
                } else {
                    ""
                };
                write!(f, "{gap}\n    {line}")?;
            }
            if let Some(more) = lines.len().checked_sub(LINES + 1) {
                write!(f, "\n    … and {} lines more, above", more + 1)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said_of(output: &str) -> String {
        let mut failed = FailedTests::default();
        output.lines().for_each(|line| failed.read(line));
        failed.to_string()
    }

    #[test]
    fn what_failed_is_named_with_what_it_printed() {
        let said = said_of(
            "\nrunning 3 tests\ntest a::one ... ok\ntest a::two ... FAILED\ntest a::three ... FAILED\n\n\
             failures:\n\n---- a::two stdout ----\n\nthread 'a::two' panicked at src/a.rs:1:2:\nwrong\n\n\
             ---- a::three stdout ----\nError: \"no\"\n\n\nfailures:\n    a::three\n    a::two\n\n\
             test result: FAILED. 1 passed; 2 failed; 0 ignored; finished in 0.00s\n",
        );
        assert_eq!(
            said,
            "\na::two FAILED\n\n    thread 'a::two' panicked at src/a.rs:1:2:\n    wrong\
             \na::three FAILED\n    Error: \"no\""
        );
    }

    #[test]
    fn what_has_ended_with_its_program_is_named() {
        let said = said_of("test a ... ok\ntest b ... FAILED\n...\nc --- FAILED\n");
        assert_eq!(said, "\nb FAILED\nc FAILED");
    }

    #[test]
    fn nothing_is_said_of_tests_that_passed() {
        let said = said_of(
            "test a ... ok\n\nsuccesses:\n\n---- a stdout ----\nfine\n\nsuccesses:\n    a\n",
        );
        assert_eq!(said, "");
    }

    #[test]
    fn of_much_the_beginning_is_said() {
        let lines: Vec<String> = (0..LINES + 2).map(|line| line.to_string()).collect();
        let said = said_of(&format!(
            "failures:\n\n---- long stdout ----\n{}",
            lines.join("\n")
        ));
        assert!(
            said.ends_with("\n    39\n    … and 2 lines more, above"),
            "{said}"
        );
    }
}

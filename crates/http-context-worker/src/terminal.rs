//! Standard output and the terminal: what is drawn there, and what is written there beside it.

use std::io::{self, Write};

use indicatif::ProgressBar;
use parking_lot::Mutex;

/// Writes to standard output.
pub(crate) fn print(text: &str) {
    let mut stdout = io::stdout();
    let _ = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush());
}

/// What is drawn now, below all that is written.
static DRAWN: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Says what is drawn from now on.
pub(crate) fn drawn(bar: Option<ProgressBar>) {
    *DRAWN.lock() = bar;
}

/// A stream that leads to the terminal, if to any. What is drawn there makes way for what is written.
#[derive(Debug)]
pub(crate) struct Beside<S>(pub(crate) S);

fn make_way<R>(write: impl FnOnce() -> R) -> R {
    let drawn = DRAWN.lock().clone();
    match drawn {
        Some(bar) => bar.suspend(write),
        None => write(),
    }
}

impl<S: Write> Write for Beside<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        make_way(|| self.0.write(bytes))
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        make_way(|| self.0.write_all(bytes).and_then(|()| self.0.flush()))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

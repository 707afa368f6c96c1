//! Standard output.

use std::io::Write as _;

/// Writes to standard output.
pub(crate) fn print(text: &str) {
    let mut stdout = std::io::stdout();
    let _ = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush());
}

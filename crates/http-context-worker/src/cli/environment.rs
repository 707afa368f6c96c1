//! Variables of the environment that are set and empty. For those who read them they are something
//! else than ones that are not set; for the program they are the same.

use std::env;
use std::num::NonZeroUsize;
use std::path::Path;
use std::thread::available_parallelism;

use crate::admin::{AdminToken, BadAdminToken};

/// The value of a variable that says something.
fn set(name: &str) -> Option<String> {
    let value = env::var(name).ok()?;
    (!value.trim().is_empty()).then_some(value)
}

/// Puts temporary files where the operating system has them by default, in place of the working
/// directory.
pub(super) fn settle_temporary_files() {
    let named = env::temp_dir();
    if cfg!(unix) && named.as_os_str().is_empty() {
        // Nothing has asked for it so far.
        let _ = tempfile::env::override_temp_dir(Path::new("/tmp"));
    }
}

/// Decides whether what stands on a terminal has colours.
pub(super) fn settle_colors() {
    let is_terminal = console::Term::stderr().is_term();
    console::set_colors_enabled_stderr(has_colors(is_terminal, set));
}

fn has_colors(is_terminal: bool, set: impl Fn(&str) -> Option<String>) -> bool {
    let knows_colors = set("TERM").map_or(cfg!(windows), |term| term != "dumb");
    let is_wanted = set("NO_COLOR").is_none() && set("CLICOLOR").is_none_or(|value| value != "0");
    let is_forced = set("CLICOLOR_FORCE").is_some_and(|value| value != "0");
    is_terminal && knows_colors && is_wanted || is_forced
}

/// The token of the admin endpoint.
///
/// # Errors
///
/// A sentence, where the variable has none.
pub(super) fn admin_token() -> Result<Option<AdminToken>, String> {
    const NAME: &str = "HTTP_CONTEXT_WORKER_ADMIN_TOKEN";
    let parse = |value: String| {
        value
            .parse()
            .map_err(|error: BadAdminToken| format!("{NAME}: {error}"))
    };
    set(NAME).map(parse).transpose()
}

/// How many threads the runtime has.
///
/// # Errors
///
/// A sentence, where the variable is no number of threads.
pub(super) fn worker_threads() -> Result<usize, String> {
    const NAME: &str = "TOKIO_WORKER_THREADS";
    match set(NAME) {
        None => Ok(available_parallelism().map_or(1, NonZeroUsize::get)),
        Some(value) => match value.trim().parse::<NonZeroUsize>() {
            Ok(threads) => Ok(threads.get()),
            Err(_) => Err(format!("{NAME} is {value:?}, it can be a number from 1 on")),
        },
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn colours_are_for_terminals_that_know_them_unless_they_are_not_wanted() {
        for (variables, on_terminal, elsewhere) in [
            (&[("TERM", "xterm")][..], true, false),
            (&[], false, false),
            (&[("TERM", "dumb")], false, false),
            (&[("TERM", "xterm"), ("NO_COLOR", "1")], false, false),
            (&[("TERM", "xterm"), ("CLICOLOR", "0")], false, false),
            (&[("TERM", "xterm"), ("CLICOLOR", "1")], true, false),
            (&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], true, true),
            (&[("CLICOLOR_FORCE", "0")], false, false),
        ] {
            let set = |name: &str| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            let found = [true, false].map(|is_terminal| has_colors(is_terminal, set));
            assert_eq!(found, [on_terminal, elsewhere], "{variables:?}");
        }
    }
}

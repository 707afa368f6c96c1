//! Programs beyond Rust that a test needs, as a second witness.
//!
//! Such a test runs with the feature `external-tools` only, which
//! `cargo xtask test` switches on after it has installed the programs. A plain
//! `cargo test` shows the test as ignored, with the reason; it never passes
//! without having run:
//!
//! ```no_run
//! #[test]
//! #[cfg_attr(
//!     not(feature = "external-tools"),
//!     ignore = "needs promtool: run `cargo xtask test`"
//! )]
//! fn what_is_exposed_is_valid_for_prometheus() {
//!     let promtool = http_context_tests::tools::path("promtool");
//!     // …
//! }
//! ```

use std::path::PathBuf;

/// Where the program is, by the search path.
///
/// # Panics
///
/// When it is not there. A test that needs it must not pass without it.
pub fn path(program: &str) -> PathBuf {
    find(program).unwrap_or_else(|| {
        panic!("{program} is not on the search path; `cargo xtask test` installs it")
    })
}

/// Where the program is, by the search path, if it is there.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders)
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg_attr(
        not(feature = "external-tools"),
        ignore = "needs promtool: run `cargo xtask test`"
    )]
    fn a_program_that_was_installed_is_found_and_runs() {
        let mut promtool = std::process::Command::new(path("promtool"));
        assert!(promtool.arg("--version").output().unwrap().status.success());
    }

    #[test]
    #[should_panic(expected = "`cargo xtask test` installs it")]
    fn a_program_that_is_missing_is_a_failure() {
        path("no-program-has-this-name");
    }
}

//! What macOS and Windows have in place of what there is on Linux, compiled without their standard libraries.

use crate::command::{cargo, none_failed, run};
use crate::workspace::Workspace;

/// Each library that has such code, with the switches that leave out what is only here.
const SWITCHED: [(&str, &[&str]); 2] = [
    (
        "http-context",
        &["http_context_no_kernel", "http_context_no_unix"],
    ),
    (
        "http-context-worker",
        &["http_context_no_linux", "http_context_no_unix"],
    ),
];

/// What is not to be had everywhere.
const ONLY_UNIX: [&str; 5] = [
    "libc::",
    "rustix::",
    "std::os::fd",
    "std::os::unix",
    "tokio::signal::unix",
];

/// The sources that may name it, each behind a switch: folders end in a slash.
const BEHIND_SWITCHES: [&str; 6] = [
    "crates/http-context/src/connection/kernel/",
    "crates/http-context-worker/src/cli/environment.rs",
    "crates/http-context-worker/src/cli/metrics_file.rs",
    "crates/http-context-worker/src/queue/embedded/state.rs",
    "crates/http-context-worker/src/queue/shared/mod.rs",
    "crates/http-context-worker/src/run/signals.rs",
];

/// Fails when the other side of a switch does not compile, or a source that has none needs Unix.
pub(crate) fn check(workspace: &Workspace) -> Result<(), String> {
    let mut failed = Vec::new();
    for (package, switches) in SWITCHED {
        // Of the dependencies nothing changes, and so none is built again.
        let mut command = cargo(&["rustc", "--quiet", "--profile", "check"]);
        command.args(["--package", package, "--lib", "--all-features", "--"]);
        for switch in switches {
            command.args(["--cfg", switch]);
        }
        if let Err(error) = run(command.args(["-D", "warnings"])) {
            failed.push(error);
        }
    }
    for file in workspace.files()? {
        let path = file.to_string_lossy();
        let is_library = path.starts_with("crates/http-context") && path.contains("/src/");
        if !is_library || !path.ends_with(".rs") || is_behind_a_switch(&path) {
            continue;
        }
        let text = workspace.text(&file).unwrap_or_default();
        for name in named_in(&text) {
            failed.push(format!("{path} names {name}, which is not everywhere"));
        }
    }
    none_failed(&failed)
}

fn is_behind_a_switch(path: &str) -> bool {
    BEHIND_SWITCHES.iter().any(|one| {
        let is_folder = one.ends_with('/');
        path == *one || (is_folder && path.starts_with(one))
    })
}

/// Those that are named in code, and not in a comment.
fn named_in(text: &str) -> impl Iterator<Item = &'static str> {
    ONLY_UNIX.into_iter().filter(|name| {
        let mut lines = text.lines().map(str::trim_start);
        lines.any(|line| !line.starts_with("//") && line.contains(name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_only_on_unix_is_found_in_code_alone() {
        let text = "// rustix::process\n    use std::os::unix::fs::MetadataExt;\n";
        assert_eq!(named_in(text).collect::<Vec<_>>(), ["std::os::unix"]);
        assert_eq!(named_in("use std::os::raw;").count(), 0);
    }

    #[test]
    fn a_folder_has_all_that_is_in_it_behind_its_switch() {
        assert!(is_behind_a_switch(
            "crates/http-context/src/connection/kernel/cut.rs"
        ));
        assert!(!is_behind_a_switch(
            "crates/http-context/src/connection/cut.rs"
        ));
    }
}

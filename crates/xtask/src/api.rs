//! The public API of the libraries, as a committed list: a change of the API is a readable diff.

use std::{
    fs,
    path::PathBuf,
    process::{Command, ExitCode},
};

use public_api::Builder;

use crate::{
    command::{cargo, run},
    workspace::Workspace,
};

/// The libraries whose API is committed.
const LIBRARIES: [&str; 4] = [
    "http-context",
    "http-context-adapters",
    "http-context-middleware",
    "http-context-worker",
];

/// The auto traits in the list.
const AUTO_TRAITS: [&str; 3] = [
    "core::marker::Send",
    "core::marker::Sync",
    "core::marker::Unpin",
];

/// Set when cargo runs this program in place of `rustdoc`.
const AS_RUSTDOC: &str = "XTASK_AS_RUSTDOC";

/// Runs `rustdoc` when cargo started this program for that. Its JSON is unstable, and asked for
/// here alone: the compiler knows nothing of it, and what it has built stays as it is.
pub(crate) fn rustdoc_if_asked() -> Option<ExitCode> {
    std::env::var_os(AS_RUSTDOC)?;
    let mut rustdoc = Command::new("rustdoc");
    rustdoc.args(std::env::args_os().skip(1));
    let ended = rustdoc
        .env("RUSTC_BOOTSTRAP", "1")
        .env_remove(AS_RUSTDOC)
        .status();
    let is_ok = ended.is_ok_and(|status| status.success());
    Some(if is_ok {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Writes the lists.
pub(crate) fn write(workspace: &Workspace) -> Result<(), String> {
    for library in LIBRARIES {
        let file = file_of(library);
        let path = workspace.root.join(&file);
        fs::write(path, list(workspace, library)?)
            .map_err(|error| format!("{} cannot be written: {error}", file.display()))?;
        println!("{}", file.display());
    }
    Ok(())
}

/// Fails with the difference from the committed lists.
pub(crate) fn check(workspace: &Workspace) -> Result<(), String> {
    check_lists(workspace, &lists(workspace)?)
}

/// Each library with its list as it is now.
pub(crate) fn lists(workspace: &Workspace) -> Result<Vec<(&'static str, String)>, String> {
    let listed = LIBRARIES
        .iter()
        .map(|library| Ok((*library, list(workspace, library)?)));
    listed.collect()
}

/// Fails with the difference of these from the committed ones.
pub(crate) fn check_lists(
    workspace: &Workspace,
    lists: &[(&'static str, String)],
) -> Result<(), String> {
    let mut changed = Vec::new();
    for (library, now) in lists {
        let file = file_of(library);
        let committed = workspace.text(&file).unwrap_or_default();
        if committed != *now {
            let lines = difference(&committed, now).join("\n");
            changed.push(format!("{}\n{lines}", file.display()));
        }
    }
    if changed.is_empty() {
        return Ok(());
    }
    Err(format!(
        "the public API has changed; if that is meant, run `cargo xtask api` and commit it:\n{}",
        changed.join("\n")
    ))
}

pub(crate) fn file_of(library: &str) -> PathBuf {
    ["crates", library, "api.txt"].iter().collect()
}

/// One public item a line, sorted, with all features; and of each type whether it is `Send`, `Sync`
/// and `Unpin`.
fn list(workspace: &Workspace, library: &str) -> Result<String, String> {
    let json = document(workspace, library)?;
    let api = Builder::from_rustdoc_json(json)
        .sorted(true)
        .omit_blanket_impls(true)
        .build()
        .map_err(|error| format!("the API of {library} cannot be listed: {error}"))?;
    let items = api.items().map(ToString::to_string);
    Ok(items
        .filter(|item| is_listed(item))
        .map(|item| item + "\n")
        .collect())
}

/// The library as JSON of `rustdoc`.
fn document(workspace: &Workspace, library: &str) -> Result<PathBuf, String> {
    let itself = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut command = cargo(&["rustdoc", "--quiet", "--all-features", "-p", library]);
    command.args(["--", "-Z", "unstable-options", "--output-format", "json"]);
    command.env("RUSTDOC", itself).env(AS_RUSTDOC, "1");
    run(&mut command)?;
    let name = library.replace('-', "_") + ".json";
    Ok(workspace.target.join("doc").join(name))
}

/// Other auto traits are left out.
fn is_listed(item: &str) -> bool {
    let Some((_, of)) = item.split_once("impl").filter(|_| item.starts_with("impl")) else {
        return true;
    };
    let is_auto = of.contains("core::marker::Freeze for")
        || of.contains("core::marker::UnsafeUnpin for")
        || of.contains("core::panic::unwind_safe::");
    !is_auto
        || AUTO_TRAITS
            .iter()
            .any(|name| of.contains(&format!("{name} for")))
}

/// The removed and the added lines.
pub(crate) fn difference(before: &str, after: &str) -> Vec<String> {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let (before, after) = (lines(before), lines(after));
    let gone = before.iter().filter(|line| !after.contains(line));
    let new = after.iter().filter(|line| !before.contains(line));
    gone.map(|line| format!("- {line}"))
        .chain(new.map(|line| format!("+ {line}")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_is_told_line_by_line() {
        let found = difference("pub fn a()\npub fn b()\n", "pub fn b()\npub fn c()\n");
        assert_eq!(found, ["- pub fn a()", "+ pub fn c()"]);
    }

    #[test]
    fn each_library_has_its_list_beside_its_sources() {
        assert_eq!(
            file_of("http-context"),
            PathBuf::from("crates/http-context/api.txt")
        );
    }

    #[test]
    fn only_the_auto_traits_that_users_notice_are_listed() {
        assert!(is_listed("impl !core::marker::Sync for x::Y"));
        assert!(is_listed("impl core::clone::Clone for x::Y"));
        assert!(!is_listed("impl core::marker::Freeze for x::Y"));
        assert!(!is_listed(
            "impl core::panic::unwind_safe::UnwindSafe for x::Y"
        ));
    }
}

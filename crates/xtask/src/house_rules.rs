//! The house rules that a text search can check.

use std::ffi::OsStr;

use crate::workspace::Workspace;

/// A file longer than this says why it is, in a comment that begins with
/// [`LONG`].
const LINES: usize = 400;
const LONG: &str = "// Longer than 400 lines because";

/// How the documentation of a package begins, whose README is its front page.
const FRONT_PAGE: &str = r#"#![doc = include_str!("../README.md")]"#;

/// Words of unfinished work. Written in two parts, so that this file has none.
const UNFINISHED: [&str; 5] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("to", "do!("),
    concat!("unimpl", "emented!("),
];

/// A test that never runs proves nothing. One that needs a tool depends on a
/// feature, which the `test` step enables.
const IGNORED: &str = concat!("#[ign", "ore");

/// Folders of a single machine.
const MACHINE_FOLDERS: [&str; 5] = [
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
    concat!("/wo", "rk/"),
    concat!("/t", "mp/"),
];

/// The only source of dependencies.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Fails with the broken rules, one line each.
pub(crate) fn check(workspace: &Workspace) -> Result<(), String> {
    let mut broken = Vec::new();
    for file in workspace.files()? {
        let Some(text) = workspace.text(&file) else {
            continue;
        };
        let name = file.display().to_string();
        let place = |line: usize, rule: &str| format!("{name}:{line}: {rule}");
        if file.file_name() == Some(OsStr::new("Cargo.lock")) {
            broken.extend(foreign_sources(&text).map(|line| place(line, "a foreign registry")));
            continue;
        }
        let rust = file.extension().is_some_and(|extension| extension == "rs");
        if rust {
            broken.extend(check_shape(&text).map(|rule| place(1, rule)));
        }
        for (number, line) in (1..).zip(text.lines()) {
            broken.extend(check_line(line, rust).map(|rule| place(number, rule)));
        }
    }
    if broken.is_empty() {
        Ok(())
    } else {
        Err(format!("rules are broken:\n{}", broken.join("\n")))
    }
}

/// The rules that a Rust file as a whole breaks.
fn check_shape(text: &str) -> impl Iterator<Item = &'static str> {
    let headless = !(text.starts_with("//!") || text.starts_with(FRONT_PAGE));
    let long = text.lines().count() > LINES && !text.lines().any(|line| line.starts_with(LONG));
    let headless = headless.then_some("it does not begin with documentation (`//!`)");
    let long = long.then_some("more than 400 lines without a reason");
    headless.into_iter().chain(long)
}

/// The rules that a single line breaks.
fn check_line(line: &str, rust: bool) -> impl Iterator<Item = &'static str> {
    let unfinished = rust && UNFINISHED.iter().any(|word| line.contains(word));
    let ignored = rust && line.contains(IGNORED);
    let machine = MACHINE_FOLDERS
        .iter()
        .any(|folder| names_folder(line, folder));
    [
        (unfinished, "unfinished work"),
        (ignored, "a test that is not run"),
        (machine, "a path of one machine"),
    ]
    .into_iter()
    .filter_map(|(broken, rule)| broken.then_some(rule))
}

/// Whether a path in `line` begins with `folder`. In the middle of a path, as in
/// a URL, it is another folder.
fn names_folder(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + folder.len()..].chars().next();
        !before.is_some_and(|c| c.is_alphanumeric() || "/._-}".contains(c))
            && after.is_some_and(|c| c.is_alphanumeric() || c == '.')
    })
}

/// The lines of a lock file that name another source than crates.io.
fn foreign_sources(lock: &str) -> impl Iterator<Item = usize> {
    (1..).zip(lock.lines()).filter_map(|(number, line)| {
        let foreign = line.starts_with("source = ") && !line.contains(REGISTRY);
        foreign.then_some(number)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(line: &str) -> Vec<&'static str> {
        check_line(line, true).collect()
    }

    #[test]
    fn unfinished_work_is_found() {
        assert_eq!(rules(concat!("// TO", "DO: later")), ["unfinished work"]);
        assert_eq!(rules(concat!("    to", "do!()")), ["unfinished work"]);
        assert_eq!(rules("// to do or not to do"), [""; 0]);
    }

    #[test]
    fn a_test_that_is_not_run_is_found_unless_a_feature_runs_it() {
        assert_eq!(rules(concat!("#[ign", "ore]")), ["a test that is not run"]);
        let by_feature = r#"#[cfg_attr(not(feature = "external-tools"), ignore = "needs it")]"#;
        assert_eq!(rules(by_feature), [""; 0]);
    }

    #[test]
    fn a_path_of_one_machine_is_found_and_a_url_is_not() {
        for line in [concat!("/ho", "me/ada/x"), concat!("at `/wo", "rk/main`")] {
            assert_eq!(rules(line), ["a path of one machine"], "{line}");
        }
        for line in [
            concat!("https://host/ho", "me/page"),
            concat!("join(\"/t", "mp/\")"),
            concat!("{url}/wo", "rk/1"),
        ] {
            assert_eq!(rules(line), [""; 0], "{line}");
        }
    }

    #[test]
    fn a_long_file_is_found_unless_it_says_why() {
        let head = "//! What it is.\n";
        let long = head.to_owned() + &"\n".repeat(LINES);
        assert_eq!(check_shape(&long).count(), 1);
        assert_eq!(check_shape(&format!("{long}{LONG} of this\n")).count(), 0);
        assert_eq!(check_shape(head).count(), 0);
        assert_eq!(check_shape("fn main() {}").count(), 1);
        assert_eq!(check_shape(&format!("{FRONT_PAGE}\n")).count(), 0);
    }

    #[test]
    fn a_foreign_registry_is_found() {
        let ours = format!("source = \"{REGISTRY}\"");
        let lock = format!("{ours}\nsource = \"git+https://host/x\"\n{ours}\n");
        assert_eq!(foreign_sources(&lock).collect::<Vec<_>>(), [2]);
    }
}

//! The tests that a document names as its witnesses are there.

use std::collections::BTreeSet;

use crate::workspace::Workspace;

/// What says of each limit which test shows it.
const DOCUMENT: &str = "SECURITY.md";

/// As few letters as the name of such a test has, which is a sentence.
const SHORTEST: usize = 15;

/// Fails with the names that no function has.
pub(crate) fn check(workspace: &Workspace) -> Result<(), String> {
    let document = workspace.text(DOCUMENT.as_ref());
    let document = document.ok_or_else(|| format!("{DOCUMENT} cannot be read"))?;
    let mut missing = named(&document);
    for file in workspace.files()? {
        if file.extension().is_some_and(|extension| extension == "rs") {
            let text = workspace.text(&file).unwrap_or_default();
            missing.retain(|name| !has(&text, name));
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let missing: Vec<&str> = missing.into_iter().collect();
    Err(format!(
        "{DOCUMENT} names tests that are not there:\n{}",
        missing.join("\n")
    ))
}

/// What stands in code quotes and may be the name of a test.
fn named(document: &str) -> BTreeSet<&str> {
    let quoted = document.split('`').skip(1).step_by(2);
    let is_name = |text: &&str| {
        text.len() >= SHORTEST
            && text.contains('_')
            && text
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    };
    quoted.filter(is_name).collect()
}

/// Whether there is a function of this name.
fn has(text: &str, name: &str) -> bool {
    text.match_indices(name).any(|(at, _)| {
        let after = text[at + name.len()..].chars().next();
        text[..at].ends_with("fn ") && after.is_some_and(|c| c == '(' || c == '<')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_tests_are_told_from_other_code() {
        let text = "`max_response_body` (`none`), shown by `a_body_without_end_is_cut`, `no::path_is_a_name_of_one`";
        let found: Vec<&str> = named(text).into_iter().collect();
        assert_eq!(found, ["a_body_without_end_is_cut", "max_response_body"]);
    }

    #[test]
    fn a_function_has_its_whole_name() {
        let text = "async fn a_body_is_cut() {}\nfn of_any_kind<T>() {}\n// a_comment_of_it()";
        assert!(has(text, "a_body_is_cut"));
        assert!(has(text, "of_any_kind"));
        assert!(!has(text, "a_body_is"));
        assert!(!has(text, "a_comment_of_it"));
    }
}

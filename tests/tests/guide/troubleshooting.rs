//! That whoever looks for the text of an error finds it in the guide.

use std::fs;
use std::path::{Path, PathBuf};

use http_context::LeakKind;

/// Texts that no user of the crates ever sees: of a doc example, of the planned faults of the demo, and what
/// stands for others.
const SEEN_BY_NOBODY: [&str; 4] = [
    "the provider is overloaded",
    "hung up as planned",
    "…",
    "…: …",
];

#[test]
fn every_text_of_an_error_of_the_libraries_is_in_the_guide() {
    let guide = page("http-context");
    let texts = [texts_of("http-context"), texts_of("http-context-adapters")].concat();
    assert!(texts.len() > 50, "only {} texts were found", texts.len());
    assert_all_in(&guide, &texts);
}

#[test]
fn every_text_of_an_error_of_the_worker_is_in_its_guide() {
    let texts = texts_of("http-context-worker");
    assert!(texts.len() > 30, "only {} texts were found", texts.len());
    assert_all_in(&page("http-context-worker"), &texts);
}

#[test]
fn whatever_a_request_says_is_in_the_guide() {
    let source = source("http-context/src/error/request.rs");
    let (_, says) = source.split_once("fn what(&self)").unwrap();
    let (says, _) = says.split_once("\n    }\n").unwrap();
    let says: Vec<String> = quoted(says).map(str::to_owned).collect();
    assert_eq!(says.len(), 12, "{says:?}");
    assert_all_in(&page("http-context"), &says);
}

#[test]
fn every_kind_of_leak_is_in_the_guide() {
    let guide = page("http-context");
    let source = source("http-context/src/facts/leak.rs");
    let (_, says) = source.split_once("fn what(self)").unwrap();
    let (says, _) = says.split_once("\n    }\n").unwrap();
    let says: Vec<&str> = quoted(says).collect();
    assert_eq!(says.len(), LeakKind::ALL.len());
    for (kind, says) in LeakKind::ALL.iter().zip(says) {
        let row = format!("| `{}` | {says} |", kind.as_str());
        assert!(guide.contains(&row), "this row is missing: {row}");
    }
}

#[test]
fn every_alert_is_in_the_guide_of_the_worker() {
    let rules = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../dashboards/prometheus");
    let guide = page("http-context-worker");
    let mut alerts = 0;
    for file in fs::read_dir(rules).unwrap() {
        let path = file.unwrap().path();
        let Some("yml") = path.extension().and_then(|extension| extension.to_str()) else {
            continue;
        };
        let text = fs::read_to_string(path).unwrap();
        for name in text
            .lines()
            .filter_map(|line| line.trim().strip_prefix("- alert: "))
        {
            assert!(guide.contains(&format!("| `{name}` |")), "{name}");
            alerts += 1;
        }
    }
    assert!(alerts > 10, "only {alerts} alerts were found");
}

fn assert_all_in(guide: &str, texts: &[String]) {
    let rows: Vec<&str> = texts
        .iter()
        .filter(|text| !SEEN_BY_NOBODY.contains(&text.as_str()))
        .map(|text| before_advice(text))
        .filter(|text| !guide.contains(&format!("| {text}")))
        .collect();
    assert!(rows.is_empty(), "no row begins with:\n{}", rows.join("\n"));
}

/// What an error says happened, without what it says to do.
fn before_advice(text: &str) -> &str {
    let ends = [": ", "; "].into_iter().filter_map(|end| {
        let found = text.match_indices(end).find(|(at, _)| *at > 12);
        found.map(|(at, _)| at)
    });
    ends.min().map_or(text, |end| &text[..end])
}

fn page(package: &str) -> String {
    source(&format!("{package}/src/guide/troubleshooting.rs"))
}

fn source(path: &str) -> String {
    let path = crates().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn crates() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../crates")
}

/// The texts of all error types of a package, with `…` for what differs.
fn texts_of(package: &str) -> Vec<String> {
    let mut files = Vec::new();
    collect(&crates().join(package).join("src"), &mut files);
    files.sort();
    let mut texts = Vec::new();
    for file in files {
        let source = fs::read_to_string(&file).unwrap();
        let lines: Vec<&str> = source
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .collect();
        let source = lines.join("\n");
        for attribute in source.split("#[error(").skip(1) {
            let attribute = attribute.trim_start();
            if attribute.starts_with('"') {
                texts.extend(quoted(attribute).next().map(shown));
            }
        }
    }
    texts
}

fn collect(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

/// The string literals in a piece of code, none of which has a quote in it.
fn quoted(code: &str) -> impl Iterator<Item = &str> {
    code.split('"').skip(1).step_by(2)
}

/// A literal as it is printed.
fn shown(literal: &str) -> String {
    let mut pieces = literal.split("\\\n").map(str::trim_start);
    let mut text = pieces.next().unwrap_or_default().to_owned();
    pieces.for_each(|piece| text.push_str(piece));
    let mut shown = String::new();
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once('{') {
        shown.push_str(before);
        if !shown.ends_with('…') {
            shown.push('…');
        }
        rest = after.split_once('}').map_or("", |(_, after)| after);
    }
    shown + rest
}

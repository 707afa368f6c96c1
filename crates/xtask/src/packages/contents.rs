//! What a package has to have, and what it must not.

use std::path::Path;

use serde_json::Value;

use super::unpack::files_in;
use crate::workspace::{Package, Workspace};

/// As they are at the root of the workspace.
const LICENCES: [&str; 2] = ["LICENSE-APACHE", "LICENSE-MIT"];

/// What stands beside the folders of a package, the last three by cargo.
const BESIDE: [&str; 7] = [
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "Cargo.lock",
    "Cargo.toml.orig",
    ".cargo_vcs_info.json",
];

/// Where the sources of a package are.
const FOLDERS: [&str; 2] = ["src", "examples"];

/// The bytes of a package, unpacked. The greatest has half of it.
const MAX_BYTES: usize = 3 << 20;

/// What the registry allows: keywords, and characters of one.
const MAX_KEYWORDS: usize = 5;
const MAX_KEYWORD: usize = 20;

/// What is missing in a manifest, a line each.
pub(super) fn check_metadata(package: &Package) -> Vec<String> {
    let (name, metadata) = (&package.name, &package.metadata);
    let mut wrong = Vec::new();
    let mut hold = |holds: bool, what: &str| {
        if !holds {
            wrong.push(format!("{name}: {what}"));
        }
    };
    let text = |field: &str| metadata[field].as_str().unwrap_or_default();
    hold(!text("description").is_empty(), "it has no description");
    hold(!text("license").is_empty(), "it has no licence");
    hold(text("readme") == "README.md", "its readme is not README.md");
    let documentation = format!("https://docs.rs/{name}");
    let is_documented = text("documentation") == documentation;
    hold(is_documented, "its documentation is not on docs.rs");
    let keywords = texts(&metadata["keywords"]);
    let is_keyword = |word: &&str| {
        let mut characters = word.chars();
        word.len() <= MAX_KEYWORD
            && characters.next().is_some_and(|c| c.is_ascii_alphanumeric())
            && characters.all(|c| c.is_ascii_alphanumeric() || "_-+".contains(c))
    };
    let are_keywords = (1..=MAX_KEYWORDS).contains(&keywords.len());
    let are_keywords = are_keywords && keywords.iter().all(is_keyword);
    hold(are_keywords, "the registry refuses its keywords");
    let has_categories = !texts(&metadata["categories"]).is_empty();
    hold(has_categories, "it has no categories");
    let docs = &metadata["metadata"]["docs"]["rs"];
    let is_whole = docs["all-features"] == true;
    hold(is_whole, "docs.rs does not build all of its features");
    let has_badges = texts(&docs["rustdoc-args"]) == ["--cfg", "docsrs"];
    hold(has_badges, "docs.rs does not show what needs a feature");
    wrong
}

fn texts(list: &Value) -> Vec<&str> {
    let list = list.as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(Value::as_str).collect()
}

/// What is missing or too much among the files of a package, a line each.
pub(super) fn check_files(
    workspace: &Workspace,
    package: &Package,
    unpacked: &Path,
) -> Result<Vec<String>, String> {
    let unreadable = |path: &Path, error| format!("{} cannot be read: {error}", path.display());
    let files = files_in(unpacked).map_err(|error| unreadable(unpacked, error))?;
    let mut wrong = Vec::new();
    for name in LICENCES {
        let ours = workspace.root.join(name);
        let ours = std::fs::read(&ours).map_err(|error| unreadable(&ours, error))?;
        if files.get(Path::new(name)) != Some(&ours) {
            wrong.push(format!("{name} is not the one of the workspace"));
        }
    }
    let readme = package.folder.join("README.md");
    let readme = std::fs::read(&readme).map_err(|error| unreadable(&readme, error))?;
    if files.get(Path::new("README.md")) != Some(&readme) {
        wrong.push("README.md is not the one of the crate".to_owned());
    }
    wrong.extend(
        files
            .keys()
            .filter(|file| !belongs(file))
            .map(|file| format!("{} does not belong there", file.display())),
    );
    let bytes: usize = files.values().map(Vec::len).sum();
    if bytes > MAX_BYTES {
        wrong.push(format!("{bytes} bytes are more than {MAX_BYTES}"));
    }
    println!(
        "{}: {} files, {} KiB",
        package.name,
        files.len(),
        bytes >> 10
    );
    let name = &package.name;
    Ok(wrong.iter().map(|what| format!("{name}: {what}")).collect())
}

fn belongs(file: &Path) -> bool {
    let is_beside = BESIDE.iter().any(|name| file == Path::new(name));
    is_beside || FOLDERS.iter().any(|folder| file.starts_with(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(metadata: Value) -> Package {
        Package {
            name: "some".to_owned(),
            version: "1.0.0".to_owned(),
            features: Vec::new(),
            is_published: true,
            needs: Vec::new(),
            folder: "some".into(),
            metadata,
        }
    }

    fn whole() -> Value {
        serde_json::json!({
            "description": "Something",
            "license": "MIT",
            "readme": "README.md",
            "documentation": "https://docs.rs/some",
            "keywords": ["http", "some-thing"],
            "categories": ["asynchronous"],
            "metadata": {"docs": {"rs": {
                "all-features": true, "rustdoc-args": ["--cfg", "docsrs"],
            }}},
        })
    }

    #[test]
    fn a_manifest_that_says_everything_is_right() {
        assert_eq!(check_metadata(&package(whole())), [""; 0]);
    }

    #[test]
    fn each_field_that_is_missing_is_named() {
        let fields = whole();
        for field in fields.as_object().unwrap().keys() {
            let mut without = fields.clone();
            without[field] = Value::Null;
            let wrong = check_metadata(&package(without));
            let expected = if field == "metadata" { 2 } else { 1 };
            assert_eq!(wrong.len(), expected, "{field}: {wrong:?}");
        }
    }

    #[test]
    fn keywords_that_the_registry_refuses_are_found() {
        for keywords in [
            serde_json::json!(["a", "b", "c", "d", "e", "f"]),
            serde_json::json!(["two words"]),
            serde_json::json!(["-dash"]),
            serde_json::json!(["longer-than-twenty-ch"]),
        ] {
            let mut fields = whole();
            fields["keywords"] = keywords;
            assert_eq!(check_metadata(&package(fields)).len(), 1);
        }
    }

    #[test]
    fn tests_and_what_they_read_do_not_belong_in_a_package() {
        assert!(belongs(Path::new("src/lib.rs")));
        assert!(belongs(Path::new("README.md")));
        for other in ["tests/some.rs", "fuzz/corpus/x", "srcs.rs", "api.txt"] {
            assert!(!belongs(Path::new(other)), "{other}");
        }
    }
}

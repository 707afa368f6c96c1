//! What has to be true before a release: `cargo xtask release --dry-run`.
//!
//! Nothing is released by it. What can be looked up it looks up, against the last release if there is one; what only
//! a person can do it prints, with the commands. What counts as which change stands in `VERSIONING.md`.

mod change;
mod changelog;
mod version;

use std::process::Command;

use serde_json::Value;

use self::{
    change::{Change, Features},
    version::Version,
};
use crate::{
    api,
    command::{cargo, output},
    packages,
    workspace::{Package, Workspace},
};

const CHANGELOG: &str = "CHANGELOG.md";

/// The names of all metrics, with their units, kinds and labels.
const CATALOGUE: &str = "crates/http-context-middleware/src/metrics/catalogue.md";

/// A line of the checklist.
struct Item {
    what: &'static str,
    /// What was found, or what is wrong.
    found: Result<String, String>,
}

/// Whether a release could be made of what is here.
pub(crate) fn dry_run(workspace: &Workspace) -> Result<bool, String> {
    let packages = workspace.published();
    let version = version_of(&packages);
    let last = last_release(workspace)?;
    let mut items = vec![Item {
        what: "all crates, and what they ask of one another, have one version",
        found: version.clone().map(|version| version.to_string()),
    }];
    items.push(Item {
        what: "the changelog has an entry for it, with its date",
        found: version.clone().and_then(|version| {
            let text = workspace.text(CHANGELOG.as_ref()).unwrap_or_default();
            changelog::check(&text, version)
        }),
    });
    let lists = api::lists(workspace)?;
    let (changes, largest) = changes(workspace, last, &lists)?;
    println!("\n{changes}\n");
    items.push(Item {
        what: "the version says what has changed since the last release",
        found: version.and_then(|version| match last {
            None => Ok("there was none".to_owned()),
            Some(last) => largest.check(last, version),
        }),
    });
    items.push(Item {
        what: "the list of the public interface is the committed one",
        found: api::check_lists(workspace, &lists).map(|()| "crates/*/api.txt".to_owned()),
    });
    items.push(Item {
        what: "each crate can be packaged, with all that belongs in it",
        found: packages::pack(workspace).map(|()| in_order(&packages)),
    });
    items.push(Item {
        what: "everything is committed",
        found: committed(workspace),
    });
    Ok(summarize(&items, &packages))
}

/// The one version of all that is published.
fn version_of(packages: &[&Package]) -> Result<Version, String> {
    let first = packages.first().ok_or("nothing is published")?;
    let mut wrong = Vec::new();
    for package in packages {
        if package.version != first.version {
            wrong.push(format!("{} is {}", package.name, package.version));
        }
        let asked = package.metadata["dependencies"].as_array();
        for asked in asked.into_iter().flatten() {
            let name = asked["name"].as_str().unwrap_or_default();
            let is_ours = packages.iter().any(|other| other.name == name);
            let version = asked["req"].as_str().unwrap_or_default();
            if is_ours && version != format!("^{}", first.version) {
                wrong.push(format!("{} asks for {name} {version}", package.name));
            }
        }
    }
    if wrong.is_empty() {
        return Version::parse(&first.version);
    }
    let (name, version) = (&first.name, &first.version);
    Err(format!("{name} is {version}, but {}", wrong.join(", ")))
}

/// The greatest version that has a tag, `v1.2.3`.
fn last_release(workspace: &Workspace) -> Result<Option<Version>, String> {
    let mut git = Command::new("git");
    git.current_dir(&workspace.root);
    let tags = output(git.args(["tag", "--list", "v*"]))?;
    let versions = tags.lines().filter_map(|tag| {
        let version = Version::parse(tag.strip_prefix('v')?);
        version.ok()
    });
    Ok(versions.max())
}

/// What has changed since a release, or since the last commit where there was none, in words; and the
/// largest of it.
fn changes(
    workspace: &Workspace,
    since: Option<Version>,
    lists: &[(&str, String)],
) -> Result<(String, Change), String> {
    let commit = since.map_or_else(|| "HEAD".to_owned(), |version| format!("v{version}"));
    let mut said = vec![match since {
        None => "No release has a tag yet; changes since the last commit:".to_owned(),
        Some(version) => format!("Changes since {version}:"),
    }];
    let mut largest = Change::None;
    let mut add = |name: &str, change: Change, lines: &[String]| {
        largest = largest.max(change);
        said.push(format!("  {name}: {change}"));
        said.extend(lines.iter().map(|line| format!("    {line}")));
    };
    for (library, now) in lists {
        let before = at(workspace, &commit, &api::file_of(library).to_string_lossy())?;
        add(
            library,
            change::of_interface(&before, now),
            &api::difference(&before, now),
        );
    }
    let before = at(workspace, &commit, CATALOGUE)?;
    let now = workspace.text(CATALOGUE.as_ref()).unwrap_or_default();
    add(
        "metrics",
        change::of_metrics(&before, &now),
        &api::difference(&before, &now),
    );
    for package in workspace.published() {
        let folder = package.folder.strip_prefix(&workspace.root);
        let folder = folder.map_err(|error| error.to_string())?;
        let manifest = folder.join("Cargo.toml");
        let before = at(workspace, &commit, &manifest.to_string_lossy())?;
        let gone = change::features_gone(&before, &features_of(package));
        if !gone.is_empty() {
            add(&package.name, Change::Breaking, &gone);
        }
    }
    Ok((said.join("\n"), largest))
}

/// A file as it was at a commit; nothing where it was not there.
fn at(workspace: &Workspace, commit: &str, file: &str) -> Result<String, String> {
    let git = || {
        let mut git = Command::new("git");
        git.current_dir(&workspace.root);
        git
    };
    let listed = output(git().args(["ls-tree", "--name-only", commit, "--", file]))?;
    if listed.trim().is_empty() {
        return Ok(String::new());
    }
    output(git().arg("show").arg(format!("{commit}:{file}")))
}

fn features_of(package: &Package) -> Features {
    let default = package.metadata["features"]["default"].as_array();
    let default = default.into_iter().flatten().filter_map(Value::as_str);
    Features {
        all: package.features.iter().cloned().collect(),
        default: default.map(str::to_owned).collect(),
    }
}

fn committed(workspace: &Workspace) -> Result<String, String> {
    let mut git = Command::new("git");
    git.current_dir(&workspace.root);
    let changed = output(git.args(["status", "--porcelain"]))?;
    if changed.is_empty() {
        Ok("yes".to_owned())
    } else {
        Err(format!("{} files are not", changed.lines().count()))
    }
}

fn in_order(packages: &[&Package]) -> String {
    let names: Vec<&str> = packages
        .iter()
        .map(|package| package.name.as_str())
        .collect();
    names.join(", ")
}

/// Prints the checklist. Returns whether all that could be looked up is right.
fn summarize(items: &[Item], packages: &[&Package]) -> bool {
    println!("\nLooked up:");
    for Item { what, found } in items {
        match found {
            Ok(found) => println!("  [x] {what}: {found}"),
            Err(why) => println!("  [ ] {what}:\n      {}", why.replace('\n', "\n      ")),
        }
    }
    let publish = cargo(&["publish"]);
    let publish = publish.get_args().map(|word| word.to_string_lossy());
    let publish: Vec<_> = publish.collect();
    let named: Vec<String> = packages
        .iter()
        .map(|package| format!("-p {}", package.name))
        .collect();
    println!(
        "\nBy hand, in this order:\n\
        \x20 [ ] defaults, label values and the oldest Rust, where they changed, are in the changelog and in the version,\n\
        \x20     as VERSIONING.md has it\n\
        \x20 [ ] `cargo xtask test` passes on the commit, and what ARCHITECTURE.md lists to be run at length\n\
        \x20 [ ] the manifests name the repository, and SECURITY.md and CODE_OF_CONDUCT.md whom to write to\n\
        \x20 [ ] the names on the registry are ours: `cargo owner --list NAME`\n\
        \x20 [ ] git tag -s v{}\n\
        \x20 [ ] cargo {} {}\n\
        \x20 [ ] docs.rs has built each of them, with badges of features on items\n\
        \x20 [ ] the tag is pushed, and `## [Unreleased]` stands above the entry again",
        packages.first().map_or("?", |package| &package.version),
        publish.join(" "),
        named.join(" "),
    );
    let all = items.iter().all(|item| item.found.is_ok());
    let said = if all {
        "All that can be looked up is right."
    } else {
        "This is not ready to be released."
    };
    println!("\n{said}");
    all
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(versions: [&str; 2], asked: &str) -> Result<Version, String> {
        let package = |name: &str, version: &str, dependencies: Value| {
            json!({
                "name": name, "version": version, "features": {}, "publish": null,
                "dependencies": dependencies, "manifest_path": "/x/Cargo.toml",
            })
        };
        let asks =
            json!([{"name": "core", "req": asked, "path": "/x"}, {"name": "tokio", "req": "^1"}]);
        let metadata = json!({
            "workspace_root": "/x",
            "target_directory": "/x",
            "packages": [package("core", versions[0], json!([])), package("top", versions[1], asks)],
        });
        let workspace = Workspace::from_metadata(&metadata).unwrap();
        version_of(&workspace.published())
    }

    #[test]
    fn all_crates_have_one_version_and_ask_for_it() {
        assert_eq!(said(["0.2.0", "0.2.0"], "^0.2.0"), Version::parse("0.2.0"));
        let other = said(["0.2.0", "0.2.1"], "^0.2.0").unwrap_err();
        assert_eq!(other, "core is 0.2.0, but top is 0.2.1");
        let older = said(["0.2.0", "0.2.0"], "^0.1.0").unwrap_err();
        assert_eq!(older, "core is 0.2.0, but top asks for core ^0.1.0");
    }
}

//! The oldest Rust that each crate promises to build with.

use std::collections::HashMap;
use std::process::Command;

use serde_json::Value;

use crate::command::{cargo, none_failed, output};
use crate::tree::dependencies;
use crate::workspace::{Package, Workspace};

/// A release of Rust: `1.95` is `[1, 95, 0]`.
type Release = [u32; 3];

/// The platforms whose dependencies count.
const TARGETS: [&str; 4] = [
    "x86_64-unknown-linux-gnu",
    "aarch64-unknown-linux-gnu",
    "aarch64-apple-darwin",
    "x86_64-pc-windows-msvc",
];

/// The page that says what each crate promises, and the one that says what the program needs.
const PAGE: &str = "crates/http-context/src/guide/platforms.rs";
const README: &str = "README.md";
const PROGRAM: &str = "http-context-worker";

/// Fails when a dependency of a crate, or the compiler here, contradicts its `rust-version`, or when the
/// documentation names another one.
///
/// What a dependency needs is what it says itself, at the version in `Cargo.lock`. What the code of the
/// crates needs of the standard library is clippy's to say (`incompatible_msrv`).
pub(crate) fn check(workspace: &Workspace) -> Result<(), String> {
    let needs = needs()?;
    let compiler = output(Command::new("rustc").arg("--version"))?;
    let here = compiler
        .split(' ')
        .nth(1)
        .ok_or("`rustc --version` has no version")?;
    let mut wrong = Vec::new();
    for package in &workspace.packages {
        let promised = promised(package)?;
        if release(here)? < release(promised)? {
            wrong.push(format!(
                "rustc {here} is older than the {promised} of {}",
                package.name
            ));
        }
        wrong.extend(of_package(package, &needs)?);
    }
    let documented = |file: &str, said: &str| {
        let text = workspace.text(file.as_ref()).unwrap_or_default();
        (!text.contains(said)).then(|| format!("{file} does not say {said:?}"))
    };
    for package in workspace.published() {
        let (name, promised) = (&package.name, promised(package)?);
        wrong.extend(documented(PAGE, &format!("| `{name}` | {promised} |")));
        for (feature, version) in newer_with(package) {
            let said = format!("| `{name}` with `{feature}` | {version} |");
            wrong.extend(documented(PAGE, &said));
        }
        if name == PROGRAM {
            wrong.extend(documented(README, &format!("Rust ({promised} or newer)")));
        }
    }
    none_failed(&wrong)
}

/// The oldest Rust that it promises to build with.
fn promised(package: &Package) -> Result<&str, String> {
    let promised = package.metadata["rust_version"].as_str();
    promised.ok_or_else(|| format!("{} has no rust-version", package.name))
}

/// The oldest with one of its features, where that is a newer one.
fn newer_with(package: &Package) -> Vec<(&str, &str)> {
    let newer = package.metadata["metadata"]["rust-version-with"].as_object();
    let newer = newer.into_iter().flatten();
    newer
        .filter_map(|(feature, version)| Some((feature.as_str(), version.as_str()?)))
        .collect()
}

/// What is wrong with its promises.
fn of_package(package: &Package, needs: &Needs) -> Result<Vec<String>, String> {
    let (promised, newer_with) = (promised(package)?, newer_with(package));
    let is_apart = |name: &str| newer_with.iter().any(|(feature, _)| *feature == name);
    let features = package.features.iter().map(String::as_str);
    let base: Vec<&str> = features.filter(|name| !is_apart(name)).collect();
    let built = dependencies(&package.name, &base, &TARGETS)?;
    let mut wrong = needs.newer_than(release(promised)?, &built)?;
    for name in &mut wrong {
        *name = format!("{} needs more than {promised}: {name}", package.name);
    }
    for (feature, version) in newer_with {
        let features = [&base[..], &[feature]].concat();
        let built = dependencies(&package.name, &features, &TARGETS)?;
        for name in needs.newer_than(release(version)?, &built)? {
            wrong.push(format!(
                "{} with `{feature}` needs more than {version}: {name}",
                package.name
            ));
        }
        if needs.newer_than(release(promised)?, &built)?.is_empty() {
            wrong.push(format!(
                "{} with `{feature}` needs no more than without: take it out of `rust-version-with`",
                package.name
            ));
        }
    }
    Ok(wrong)
}

/// What each package of the lock file says that it needs, by its name and version.
struct Needs(HashMap<(String, String), String>);

fn needs() -> Result<Needs, String> {
    let text = output(&mut cargo(&[
        "metadata",
        "--format-version=1",
        "--all-features",
    ]))?;
    let metadata: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let packages = metadata["packages"].as_array().ok_or("no packages")?;
    let needs = packages.iter().filter_map(|package| {
        let text = |key: &str| Some(package[key].as_str()?.to_owned());
        Some(((text("name")?, text("version")?), text("rust_version")?))
    });
    Ok(Needs(needs.collect()))
}

impl Needs {
    fn newer_than(
        &self,
        promised: Release,
        built: &[(String, String)],
    ) -> Result<Vec<String>, String> {
        let mut newer = Vec::new();
        for package in built {
            let Some(needed) = self.0.get(package) else {
                continue;
            };
            if release(needed)? > promised {
                let (name, version) = package;
                newer.push(format!("{name} {version} needs {needed}"));
            }
        }
        Ok(newer)
    }
}

/// A pre-release counts as its release.
fn release(text: &str) -> Result<Release, String> {
    let mut release = [0; 3];
    let plain = text.split(['-', '+']).next().unwrap_or_default();
    for (part, number) in release.iter_mut().zip(plain.split('.')) {
        *part = number
            .parse()
            .map_err(|_| format!("{text:?} is not a version of Rust"))?;
    }
    Ok(release)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_compared_by_their_numbers() {
        assert!(release("1.100").unwrap() > release("1.95.1").unwrap());
        assert_eq!(release("1.95.0-nightly").unwrap(), [1, 95, 0]);
        assert!(release("stable").is_err());
    }

    #[test]
    fn a_dependency_that_needs_more_is_found() {
        let package = |name: &str| (name.to_owned(), "1.0.0".to_owned());
        let needs = Needs(HashMap::from([
            (package("old"), "1.70".to_owned()),
            (package("new"), "1.97".to_owned()),
            (package("not built"), "1.98".to_owned()),
        ]));
        let built = [package("old"), package("silent"), package("new")];
        let newer = needs.newer_than([1, 95, 0], &built);
        assert_eq!(newer.unwrap(), ["new 1.0.0 needs 1.97"]);
    }
}

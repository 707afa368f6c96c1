//! The minimum supported Rust version of the workspace.

use std::process::Command;

use serde_json::Value;

use crate::{
    command::{cargo, output},
    workspace::Workspace,
};

/// A release of Rust: `1.95` is `[1, 95, 0]`.
type Release = [u32; 3];

/// Fails when a dependency or the compiler here contradicts the `rust-version` of the workspace, or
/// when the README names another one.
pub(crate) fn check(workspace: &Workspace) -> Result<(), String> {
    let text = output(&mut cargo(&[
        "metadata",
        "--format-version=1",
        "--all-features",
    ]))?;
    let metadata: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let packages = metadata["packages"].as_array().ok_or("no packages")?;
    let promised = packages
        .iter()
        .filter(|package| package["source"].is_null())
        .find_map(rust_version)
        .ok_or("no package of the workspace has a rust-version")?;
    let newer = packages_newer_than(release(&promised)?, packages)?;
    if !newer.is_empty() {
        return Err(format!(
            "these need a newer Rust than the {promised} of the workspace:\n{}",
            newer.join("\n")
        ));
    }
    let compiler = output(Command::new("rustc").arg("--version"))?;
    let here = compiler
        .split(' ')
        .nth(1)
        .ok_or("`rustc --version` has no version")?;
    if release(here)? < release(&promised)? {
        return Err(format!(
            "rustc {here} is older than the promised {promised}"
        ));
    }
    let readme = workspace.text("README.md".as_ref()).unwrap_or_default();
    let said = format!("Rust ({promised} or newer)");
    if !readme.contains(&said) {
        return Err(format!("README.md does not say {said:?}"));
    }
    Ok(())
}

fn rust_version(package: &Value) -> Option<String> {
    Some(package["rust_version"].as_str()?.to_owned())
}

fn packages_newer_than(promised: Release, packages: &[Value]) -> Result<Vec<String>, String> {
    let mut newer = Vec::new();
    for package in packages {
        let Some(version) = rust_version(package) else {
            continue;
        };
        if release(&version)? > promised {
            let name = package["name"].as_str().unwrap_or("?");
            newer.push(format!("  {name}: {version}"));
        }
    }
    Ok(newer)
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
        let packages = serde_json::json!([
            {"name": "old", "rust_version": "1.70"},
            {"name": "silent", "rust_version": null},
            {"name": "new", "rust_version": "1.97"},
        ]);
        let newer = packages_newer_than([1, 95, 0], packages.as_array().unwrap());
        assert_eq!(newer.unwrap(), ["  new: 1.97"]);
    }
}

//! Who does the cryptography of TLS in a program is what it chose, and nobody else is built beside.

use crate::command::{cargo, output, run};
use crate::workspace::{Package, Workspace};

/// The features of that choice, each named as the crate that it brings.
const PROVIDERS: [&str; 2] = ["aws-lc-rs", "ring"];

/// The program whose server says what it offers, and the features of which it is built with one.
const PROGRAM: &str = "http-context-providers";
const CHOICES: [&str; 3] = ["aws-lc-rs", "ring", "installed"];

/// Fails when a crate that has these features brings another provider than the one that was chosen, with
/// all its other features, on any platform.
pub(crate) fn check(workspace: &Workspace) -> Result<(), String> {
    let mut failed = Vec::new();
    for package in &workspace.packages {
        let has_choice = |provider: &&str| package.features.iter().any(|name| name == provider);
        if package.name == PROGRAM || !PROVIDERS.iter().all(has_choice) {
            continue;
        }
        for chosen in [Some("aws-lc-rs"), Some("ring"), None] {
            let built = built(package, chosen)?;
            if !built.iter().copied().eq(chosen) {
                failed.push(format!(
                    "{} with the provider {chosen:?} is built with {built:?}",
                    package.name
                ));
            }
        }
    }
    for choice in CHOICES {
        let mut tests = cargo(&["test", "--quiet", "-p", PROGRAM, "--features", choice]);
        if let Err(error) = run(&mut tests) {
            failed.push(error);
        }
    }
    if failed.is_empty() {
        Ok(())
    } else {
        Err(failed.join("\n"))
    }
}

/// The providers among the dependencies of a program that uses this crate with every feature but those of
/// another provider.
fn built(package: &Package, chosen: Option<&str>) -> Result<Vec<&'static str>, String> {
    let features = package.features.iter().map(String::as_str);
    let features: Vec<&str> = features
        .filter(|name| !PROVIDERS.contains(name) || Some(*name) == chosen)
        .collect();
    let mut tree = cargo(&["tree", "--no-default-features", "--target", "all"]);
    tree.args(["--edges", "normal,build", "--prefix", "none"]);
    tree.args(["--package", &package.name]);
    tree.args(["--features", &features.join(",")]);
    Ok(providers_in(&output(&mut tree)?))
}

/// Those of a tree, each line of which begins with the name of a crate.
fn providers_in(tree: &str) -> Vec<&'static str> {
    let is_in = |provider: &&str| {
        let mut names = tree.lines().filter_map(|line| line.split(' ').next());
        names.any(|name| name == *provider)
    };
    PROVIDERS.into_iter().filter(is_in).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_is_found_by_the_whole_name_of_its_crate() {
        assert_eq!(providers_in("rustls v0.23.46\nring v0.17.14\n"), ["ring"]);
        assert_eq!(providers_in("ring-compat v0.1.0\nstring v1.0.0"), [""; 0]);
    }
}

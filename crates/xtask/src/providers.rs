//! Who does the cryptography of TLS in a program is what it chose, and nobody else is built beside.

use crate::command::{cargo, none_failed, run_tests};
use crate::tree::dependencies;
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
        if let Err(error) = run_tests(&mut tests) {
            failed.push(error);
        }
    }
    none_failed(&failed)
}

/// The providers among the dependencies of a program that uses this crate with every feature but those of
/// another provider.
fn built(package: &Package, chosen: Option<&str>) -> Result<Vec<&'static str>, String> {
    let features = package.features.iter().map(String::as_str);
    let features: Vec<&str> = features
        .filter(|name| !PROVIDERS.contains(name) || Some(*name) == chosen)
        .collect();
    let tree = dependencies(&package.name, &features, &["all"])?;
    let names: Vec<&str> = tree.iter().map(|(name, _)| name.as_str()).collect();
    Ok(providers_in(&names))
}

fn providers_in(names: &[&str]) -> Vec<&'static str> {
    let is_in = |provider: &&str| names.contains(provider);
    PROVIDERS.into_iter().filter(is_in).collect()
}

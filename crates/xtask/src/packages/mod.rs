//! What is published: each crate is packaged, looked through, and checked from the sources in its package.
//!
//! `cargo package` packages all of them at once and takes those that another one needs for what the registry
//! will have of them, so versions and requirements are held against one another. What comes out is unpacked into a
//! workspace of its own, where each is patched in for what the registry has not got yet. That is outside of the
//! workspace here, so a file that is missing in a package is missing there, while what others have written is built
//! once for both.

mod contents;
mod unpack;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    command::{cargo, cargo_unlocked, none_failed, run},
    workspace::{Package, Workspace},
};

/// As in the profile of the workspace: with another one, what others have written would be built again.
const PROFILE: [&str; 2] = [
    "profile.dev.debug=\"line-tables-only\"",
    "profile.dev.package.\"*\".debug=false",
];

/// Packages all that is published, and looks through the packages.
pub(crate) fn pack(workspace: &Workspace) -> Result<(), String> {
    let packages = workspace.published();
    // What is not committed is packaged too: the step is for while one edits as well.
    let mut command = cargo(&["package", "--quiet", "--no-verify", "--allow-dirty"]);
    for package in &packages {
        command.args(["-p", &package.name]);
    }
    run(&mut command)?;
    let folder = folder(workspace);
    fs::create_dir_all(&folder).map_err(|error| unwritable(&folder, &error))?;
    let mut wrong = Vec::new();
    for package in &packages {
        wrong.extend(contents::check_metadata(package));
        let archive = workspace.target.join("package");
        let archive = archive.join(full_name(package) + ".crate");
        let unpacked = folder.join(&package.name);
        unpack::unpack(&archive, &unpacked)?;
        wrong.extend(contents::check_files(workspace, package, &unpacked)?);
    }
    if wrong.is_empty() {
        write_workspace(workspace, &packages)
    } else {
        Err(format!("packages are wrong:\n{}", wrong.join("\n")))
    }
}

/// Checks each package with the features that it has by default, as those who depend on it have it, and then the
/// examples of all of them, with all features. What their documentation takes from files is read at that; its tests
/// are run where they were written.
pub(crate) fn check(workspace: &Workspace) -> Result<(), String> {
    let published = workspace.published();
    let each = published
        .iter()
        .map(|package| in_packages(workspace, &["check", "--quiet", "-p", &package.name]));
    let all = [
        "check",
        "--quiet",
        "--workspace",
        "--lib",
        "--bins",
        "--examples",
        "--all-features",
    ];
    let all = [in_packages(workspace, &all)];
    let failed: Vec<String> = each
        .chain(all)
        .filter_map(|mut command| run(&mut command).err())
        .collect();
    none_failed(&failed)
}

/// Without `--locked`: the lock file there is made of the one here, without what only tests need.
fn in_packages(workspace: &Workspace, arguments: &[&str]) -> Command {
    let mut command = cargo_unlocked(arguments);
    for option in PROFILE {
        command.args(["--config", option]);
    }
    command.arg("--manifest-path");
    command.arg(folder(workspace).join("Cargo.toml"));
    command.arg("--target-dir").arg(&workspace.target);
    command
}

/// Where the packages are unpacked.
fn folder(workspace: &Workspace) -> PathBuf {
    workspace.target.join("packages")
}

/// As its archive is called.
fn full_name(package: &Package) -> String {
    format!("{}-{}", package.name, package.version)
}

fn unwritable(path: &Path, error: &std::io::Error) -> String {
    format!("{} cannot be written: {error}", path.display())
}

/// The workspace of what is unpacked, with the versions of all else that are locked here.
fn write_workspace(workspace: &Workspace, packages: &[&Package]) -> Result<(), String> {
    let manifest = folder(workspace).join("Cargo.toml");
    fs::write(&manifest, manifest_of(packages)).map_err(|error| unwritable(&manifest, &error))?;
    let lock = folder(workspace).join("Cargo.lock");
    fs::copy(workspace.root.join("Cargo.lock"), &lock)
        .map(drop)
        .map_err(|error| unwritable(&lock, &error))
}

fn manifest_of(packages: &[&Package]) -> String {
    let names = packages.iter().map(|package| package.name.as_str());
    let members: Vec<String> = names.clone().map(|name| format!("{name:?}")).collect();
    let patches: Vec<String> = names
        .map(|name| format!("{name} = {{ path = {name:?} }}\n"))
        .collect();
    let (members, patches) = (members.join(", "), patches.concat());
    format!("[workspace]\nresolver = \"3\"\nmembers = [{members}]\n\n[patch.crates-io]\n{patches}")
}

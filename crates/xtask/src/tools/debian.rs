//! Packages of Debian.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::command::{output, run};

/// Under the folder of the tools, with lists of packages of our own, so that neither rights nor a recent
/// `apt-get update` are needed.
pub(super) fn unpack(package: &str, tools: &Path) -> Result<(), String> {
    let state = tools.join("apt");
    for folder in ["lists/partial", "cache/archives/partial"] {
        fs::create_dir_all(state.join(folder)).map_err(|error| error.to_string())?;
    }
    let option = |name: &str, folder: &str| {
        let value = format!("{name}={}", state.join(folder).display());
        ["-o".to_owned(), value]
    };
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command.current_dir(&state).arg("-qq");
        command.args(option("Dir::State::lists", "lists"));
        command.args(option("Dir::Cache", "cache"));
        // Any user may write the downloads.
        command.args(["-o", "APT::Sandbox::User="]);
        run(command.args(arguments))
    };
    apt(&["update"])?;
    apt(&["download", package])?;
    let archive = archive_of(package, &state)?;
    let mut command = Command::new("dpkg-deb");
    run(command.arg("-x").arg(archive).arg(tools.join("debian")))
}

/// The archive that `apt-get download` left in `folder`.
fn archive_of(package: &str, folder: &Path) -> Result<PathBuf, String> {
    let entries = fs::read_dir(folder).map_err(|error| error.to_string())?;
    let archives: BTreeSet<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with(&format!("{package}_")) && name.ends_with(".deb")
        })
        .collect();
    let missing = || format!("apt-get left no archive of {package}");
    archives.into_iter().next_back().ok_or_else(missing)
}

/// Needs root, or a `sudo` that does not ask.
pub(super) fn install(package: &str) -> Result<(), String> {
    let is_root = output(Command::new("id").arg("-u"))?.trim() == "0";
    let privileged = |arguments: &[&str]| {
        let mut command = if is_root {
            Command::new("apt-get")
        } else {
            let mut sudo = Command::new("sudo");
            sudo.args(["-n", "apt-get"]);
            sudo
        };
        command.env("DEBIAN_FRONTEND", "noninteractive").arg("-qq");
        run(command.args(arguments))
    };
    privileged(&["update"])?;
    privileged(&["install", "-y", "--no-install-recommends", package])
}

/// Where Debian has the programs of PostgreSQL, which is on nobody's search path: those of the newest version.
pub(super) fn postgres_folder() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    versions
        .filter_map(|version| Some(version.ok()?.path().join("bin")))
        .filter(|folder| folder.join("postgres").is_file())
        .max()
}

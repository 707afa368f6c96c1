//! The copy of the workspace that has all changes behind switches.

use std::{
    collections::{HashMap, HashSet},
    fs,
    path::{Path, PathBuf},
};

use super::{
    changes::Change,
    switches::{self, Place},
};
use crate::{mutants::LIBRARIES, workspace::Workspace};

/// The crate that knows which change is on.
const SWITCH: &str = "mutant-switch";
const SWITCH_MANIFEST: &str = r#"[package]
name = "mutant-switch"
version = "0.0.0"
edition = "2024"
publish = false
"#;

#[derive(Debug)]
pub(super) struct SwitchedCopy<'a> {
    workspace: &'a Workspace,
    pub(super) folder: PathBuf,
}

/// The switches of each file.
pub(super) type Places = HashMap<String, Vec<Place>>;

impl<'a> SwitchedCopy<'a> {
    pub(super) fn new(workspace: &'a Workspace, folder: PathBuf) -> Self {
        Self { workspace, folder }
    }

    /// Writes all that git knows of, and returns where the switches are.
    pub(super) fn write(
        &self,
        changes: &[Change],
        left_out: &HashSet<u32>,
    ) -> Result<Places, String> {
        let mut by_file: HashMap<&str, Vec<&Change>> = HashMap::new();
        for change in changes.iter().filter(|one| !left_out.contains(&one.number)) {
            by_file.entry(&change.file).or_default().push(change);
        }
        let mut places = Places::new();
        for file in self.workspace.files()? {
            let Ok(bytes) = fs::read(self.workspace.root.join(&file)) else {
                continue;
            };
            let name = file.to_string_lossy();
            let bytes = match (by_file.get(&*name), String::from_utf8(bytes)) {
                (_, Err(other)) => other.into_bytes(),
                (Some(changes), Ok(text)) => {
                    let switched = switches::switch(&text, changes)
                        .map_err(|error| format!("{name}: {error}"))?;
                    places.insert(name.into_owned(), switched.places);
                    switched.text.into_bytes()
                }
                (None, Ok(text)) => self.with_switch(&file, text).into_bytes(),
            };
            self.put(&file, &bytes)?;
        }
        let switch = Path::new(SWITCH);
        self.put(&switch.join("Cargo.toml"), SWITCH_MANIFEST.as_bytes())?;
        let source = include_str!("switch.txt");
        self.put(&switch.join("src/lib.rs"), source.as_bytes())?;
        Ok(places)
    }

    /// Manifests know of the crate of the switches.
    fn with_switch(&self, file: &Path, text: String) -> String {
        let folder = file.parent().map(|folder| self.workspace.root.join(folder));
        let mut packages = self.workspace.packages.iter();
        if file == Path::new("Cargo.toml") {
            of_workspace(&text)
        } else if file.file_name().is_some_and(|name| name == "Cargo.toml")
            && packages.any(|one| {
                LIBRARIES.contains(&one.name.as_str()) && Some(&one.folder) == folder.as_ref()
            })
        {
            of_library(&text)
        } else {
            text
        }
    }

    /// Leaves a file alone that has this text, so that it is not built again.
    fn put(&self, file: &Path, bytes: &[u8]) -> Result<(), String> {
        let to = self.folder.join(file);
        if fs::read(&to).is_ok_and(|known| known == bytes) {
            return Ok(());
        }
        let folder = to.parent().unwrap_or(&self.folder);
        fs::create_dir_all(folder)
            .and_then(|()| fs::write(&to, bytes))
            .map_err(|error| format!("{}: {error}", to.display()))
    }
}

/// Text behind switches has no style, and what is in it is not all in use.
fn of_workspace(text: &str) -> String {
    text.replacen("members = [", &format!("members = [\n    \"{SWITCH}\","), 1)
        .replacen(
            "[workspace.lints.rust]",
            "[workspace.lints.rust]\nwarnings = \"allow\"",
            1,
        )
}

fn of_library(text: &str) -> String {
    let dependency = format!("[dependencies]\n{SWITCH} = {{ path = \"../../{SWITCH}\" }}");
    text.replacen("[dependencies]", &dependency, 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifests_name_the_crate_of_the_switches() {
        let workspace = of_workspace("members = [\n    \"a\",\n]\n[workspace.lints.rust]\n");
        assert!(workspace.starts_with("members = [\n    \"mutant-switch\",\n    \"a\","));
        assert!(workspace.ends_with("[workspace.lints.rust]\nwarnings = \"allow\"\n"));
        let library = of_library("[dependencies]\na = 1\n[dev-dependencies]\n");
        let line = "mutant-switch = { path = \"../../mutant-switch\" }";
        assert_eq!(library.lines().nth(1), Some(line));
    }
}

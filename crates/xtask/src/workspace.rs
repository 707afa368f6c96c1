//! The workspace, from `cargo metadata` and git.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::command::{cargo, output};

/// The workspace that this program was built in.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) target: PathBuf,
    pub(crate) packages: Vec<Package>,
}

/// A member of the workspace.
#[derive(Debug)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// Its features, `default` left out.
    pub(crate) features: Vec<String>,
}

impl Workspace {
    pub(crate) fn read() -> Result<Self, String> {
        let mut command = cargo(&["metadata", "--format-version=1", "--no-deps"]);
        let text = output(&mut command)?;
        let metadata: Value = serde_json::from_str(&text)
            .map_err(|error| format!("the output of `cargo metadata` is not JSON: {error}"))?;
        Self::from_metadata(&metadata)
            .ok_or_else(|| "`cargo metadata` has an unexpected output".to_owned())
    }

    fn from_metadata(metadata: &Value) -> Option<Self> {
        let packages = metadata["packages"].as_array()?.iter().map(|package| {
            let features = package["features"].as_object()?.keys();
            Some(Package {
                name: package["name"].as_str()?.to_owned(),
                features: features
                    .filter(|name| *name != "default")
                    .cloned()
                    .collect(),
            })
        });
        Some(Self {
            root: metadata["workspace_root"].as_str()?.into(),
            target: metadata["target_directory"].as_str()?.into(),
            packages: packages.collect::<Option<_>>()?,
        })
    }

    /// The files that git tracks or would add, relative to the root.
    pub(crate) fn files(&self) -> Result<Vec<PathBuf>, String> {
        let mut git = Command::new("git");
        git.current_dir(&self.root);
        git.args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ]);
        let listed = output(&mut git)?;
        let mut files: Vec<PathBuf> = listed
            .split_terminator('\0')
            .map(PathBuf::from)
            // Deleted, and not yet committed so.
            .filter(|file| self.root.join(file).is_file())
            .collect();
        files.sort();
        Ok(files)
    }

    /// The folder of installed tools.
    pub(crate) fn tools(&self) -> PathBuf {
        self.target.join("xtask-tools")
    }

    /// The text of a file; `None` for one that is not UTF-8.
    pub(crate) fn text(&self, file: &Path) -> Option<String> {
        std::fs::read_to_string(self.root.join(file)).ok()
    }
}

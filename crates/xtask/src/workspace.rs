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
    pub(crate) version: String,
    /// Its features, `default` left out.
    pub(crate) features: Vec<String>,
    /// Whether it is for others than this workspace.
    pub(crate) is_published: bool,
    /// Those of its dependencies that are in this workspace, but for what its tests need.
    pub(crate) needs: Vec<String>,
    /// Its folder.
    pub(crate) folder: PathBuf,
    /// What `cargo metadata` says of it.
    pub(crate) metadata: Value,
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

    pub(crate) fn from_metadata(metadata: &Value) -> Option<Self> {
        let packages = metadata["packages"].as_array()?.iter().map(|package| {
            let features = package["features"].as_object()?.keys();
            let dependencies = package["dependencies"].as_array()?.iter();
            let needs = dependencies
                .filter(|one| one["path"].is_string() && one["kind"].as_str() != Some("dev"));
            Some(Package {
                name: package["name"].as_str()?.to_owned(),
                version: package["version"].as_str()?.to_owned(),
                features: features
                    .filter(|name| *name != "default")
                    .cloned()
                    .collect(),
                // A list of registries, of which `publish = false` is the empty one.
                is_published: package["publish"].is_null(),
                needs: needs
                    .map(|one| Some(one["name"].as_str()?.to_owned()))
                    .collect::<Option<_>>()?,
                folder: Path::new(package["manifest_path"].as_str()?)
                    .parent()?
                    .to_owned(),
                metadata: package.clone(),
            })
        });
        Some(Self {
            root: metadata["workspace_root"].as_str()?.into(),
            target: metadata["target_directory"].as_str()?.into(),
            packages: packages.collect::<Option<_>>()?,
        })
    }

    /// What is published, each after what it needs.
    pub(crate) fn published(&self) -> Vec<&Package> {
        let mut left: Vec<&Package> = self.packages.iter().filter(|p| p.is_published).collect();
        let mut ordered: Vec<&Package> = Vec::new();
        while !left.is_empty() {
            let waits = |package: &Package| {
                let is_left = |name: &String| left.iter().any(|other| other.name == *name);
                package.needs.iter().any(is_left)
            };
            let (wait, ready): (Vec<&Package>, Vec<&Package>) =
                left.iter().partition(|package| waits(package));
            assert!(!ready.is_empty(), "cargo refuses circles of dependencies");
            ordered.extend(ready);
            left = wait;
        }
        ordered
    }

    /// The integration tests of a package.
    pub(crate) fn tests_of(&self, package: &str) -> impl Iterator<Item = &str> {
        let package = self.packages.iter().find(|one| one.name == package);
        let targets = package.and_then(|one| one.metadata["targets"].as_array());
        let tests = targets.into_iter().flatten();
        let tests = tests.filter(|one| one["kind"][0] == "test");
        tests.filter_map(|one| one["name"].as_str())
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn package(name: &str, publish: &Value, needs: &[(&str, Option<&str>)]) -> Value {
        let needs = needs
            .iter()
            .map(|(name, kind)| json!({"name": name, "path": "/x", "kind": kind}));
        json!({
            "name": name,
            "version": "1.0.0",
            "features": {"default": ["a"], "a": []},
            "publish": publish,
            "dependencies": needs.collect::<Vec<_>>(),
            "manifest_path": format!("/x/{name}/Cargo.toml"),
        })
    }

    #[test]
    fn each_package_is_published_after_what_it_needs() {
        let metadata = json!({
            "workspace_root": "/x",
            "target_directory": "/x/target",
            "packages": [
                package("top", &Value::Null, &[("middle", None), ("tests", Some("dev"))]),
                package("middle", &Value::Null, &[("bottom", Some("build"))]),
                package("bottom", &Value::Null, &[("top", Some("dev"))]),
                package("tests", &json!([]), &[("top", None)]),
            ],
        });
        let workspace = Workspace::from_metadata(&metadata).unwrap();
        let published = workspace.published();
        let names: Vec<&str> = published.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["bottom", "middle", "top"]);
        assert_eq!(published[0].features, ["a"]);
        assert_eq!(published[0].folder, Path::new("/x/bottom"));
    }
}

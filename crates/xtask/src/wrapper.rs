//! A wrapper of the compiler, for the members of a workspace alone: what they are to be compiled with in another way
//! than else, what others have written is not. In `RUSTFLAGS` it would have all of that built anew.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf, process::Command};

use crate::{command::cargo, workspace::Workspace};

/// One of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wrapper {
    /// Cargo keeps what was built with one name apart from what was with another.
    pub(crate) name: &'static str,
    /// A line of a shell, where `"$@"` is the compiler and what it is told.
    pub(crate) line: &'static str,
}

impl Wrapper {
    /// As [`cargo`], with this wrapper. Nobody edits between two of these, so nothing is kept for that.
    pub(crate) fn cargo(
        self,
        workspace: &Workspace,
        arguments: &[&str],
    ) -> Result<Command, String> {
        let mut command = cargo(arguments);
        command.env("RUSTC_WORKSPACE_WRAPPER", self.write(workspace)?);
        command.env("CARGO_INCREMENTAL", "0");
        Ok(command)
    }

    /// Once: cargo asks the compiler anew for what it is when its wrapper has changed.
    fn write(self, workspace: &Workspace) -> Result<PathBuf, String> {
        let folder = workspace.target.join("xtask-wrappers");
        let path = folder.join(self.name);
        let text = format!("#!/bin/sh\nexec {}\n", self.line);
        if fs::read_to_string(&path).is_ok_and(|known| known == text) {
            return Ok(path);
        }
        fs::create_dir_all(&folder)
            .and_then(|()| fs::write(&path, text))
            .and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(0o755)))
            .map_err(|error| format!("{} cannot be written: {error}", path.display()))?;
        Ok(path)
    }
}

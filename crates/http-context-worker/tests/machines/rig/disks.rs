//! Disks of machines, which are in memory, and can be full.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::network::{Machine, STORES, WORKERS};
use crate::{Fallible, succeed};

/// Gives the machines that write a disk each, and everything else one, all in this folder. They go with the
/// namespace of mounts.
pub(crate) fn mount(folder: &Path) -> Fallible {
    mount_one(folder, "3g")?;
    for (machines, size) in [(&WORKERS[..], "24m"), (&STORES[..], "400m")] {
        for machine in machines {
            mount_one(&folder.join(machine.name), size)?;
        }
    }
    Ok(())
}

fn mount_one(folder: &Path, size: &str) -> Fallible {
    std::fs::create_dir_all(folder)?;
    let (options, folder) = (format!("size={size},mode=755"), folder.to_string_lossy());
    succeed("mount", &["-t", "tmpfs", "-o", &options, "disk", &folder])
}

/// What takes all room on the disk of a machine.
fn filler(folder: &Path, machine: Machine) -> PathBuf {
    folder.join(machine.name).join("filler")
}

/// Leaves no byte free.
pub(crate) fn fill(folder: &Path, machine: Machine) -> Fallible {
    let mut file = File::create(filler(folder, machine))?;
    let mut chunk = vec![0; 64 * 1024];
    while !chunk.is_empty() {
        if file.write_all(&chunk).is_err() {
            let half = chunk.len() / 2;
            chunk.truncate(half);
        }
    }
    Ok(())
}

/// What is free already stays so.
pub(crate) fn free(folder: &Path, machine: Machine) {
    let _ = std::fs::remove_file(filler(folder, machine));
}

//! A user whom every system has: for what root may do and others may not, where the tests are root's, and for
//! programs that refuse to be root's.

use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

const ID: u32 = 65534;

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Has a program run as nobody, where the tests are root's.
pub fn run(command: &mut Command) -> &mut Command {
    if is_root() {
        command.uid(ID).gid(ID);
    }
    command
}

/// Gives a file or a folder to whom [`run`] runs programs as.
///
/// # Panics
///
/// When that is refused.
pub fn own(path: &Path) {
    if is_root() {
        chown(path, Some(ID), Some(ID)).expect("root gives away what it likes");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_not_root_s_and_owns_what_it_is_given() {
        let folder = tempfile::tempdir().unwrap();
        own(folder.path());
        let file = folder.path().join("made");
        let mut shell = Command::new("sh");
        shell.args(["-c", "id -u; > \"$0\""]).arg(&file);
        let done = run(&mut shell).output().unwrap();
        assert!(done.status.success(), "{done:?}");
        assert_ne!(String::from_utf8_lossy(&done.stdout).trim(), "0");
        assert!(file.exists());
    }
}

//! The disk that a whole run needs: said before it begins, since the compiler's errors half an hour later say
//! everything but that it was full.

use std::{path::Path, process::Command};

use crate::command::output;

/// What the target folder grows to in a whole run from nothing, measured, in GB.
const WHOLE_RUN: u64 = 15;

/// Whether what is built now is built for this run alone: so in continuous integration, which clones anew.
pub(crate) fn is_built_once() -> bool {
    std::env::var_os("CI").is_some()
}

/// What to say if a whole run that builds from nothing would fill the disk.
pub(crate) fn warning(target: &Path, is_whole: bool) -> Option<String> {
    let is_built = target.join("debug/deps").exists() && !is_built_once();
    let free = free(target)?;
    (is_whole && !is_built && free < WHOLE_RUN).then(|| {
        format!("Warning: it needs about {WHOLE_RUN} GB where nothing is built yet, and {free} GB are free.")
    })
}

/// In GB; nothing where `df` does not tell.
fn free(folder: &Path) -> Option<u64> {
    let existing = folder.ancestors().find(|folder| folder.exists())?;
    let text = output(Command::new("df").arg("-Pk").arg(existing)).ok()?;
    available(&text).map(|kilobytes| kilobytes / 1_000_000)
}

/// The fourth column of the line below the headings, as POSIX has it.
fn available(text: &str) -> Option<u64> {
    let line = text.lines().nth(1)?;
    line.split_whitespace().nth(3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_is_free_is_read_as_posix_has_it() {
        let text = "Filesystem 1024-blocks Used Available Capacity Mounted on\n\
                    /dev/vda 263174212 65920240 29887184 69% /\n";
        assert_eq!(super::available(text), Some(29_887_184));
        assert_eq!(super::available("df: no such thing"), None);
    }
}

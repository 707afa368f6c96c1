//! Unpacking a package.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use crate::command::output;

/// Makes `to` what is in the archive. A file that is there already as it should be is left alone: all files of an
/// archive have one and the same time, by which cargo would not see that one has changed.
pub(super) fn unpack(archive: &Path, to: &Path) -> Result<(), String> {
    let fresh = to.with_extension("fresh");
    let failed = |error: io::Error| format!("{} cannot be unpacked: {error}", archive.display());
    remove(&fresh).map_err(failed)?;
    fs::create_dir_all(&fresh).map_err(failed)?;
    let mut tar = Command::new("tar");
    // The folder in the archive has the version in its name.
    tar.arg("-xzf").arg(archive).arg("--strip-components=1");
    output(tar.arg("-C").arg(&fresh))?;
    let replaced = replace(&fresh, to).map_err(failed);
    remove(&fresh).map_err(failed)?;
    replaced
}

/// Makes `old` what `new` is.
fn replace(new: &Path, old: &Path) -> io::Result<()> {
    let wanted = files_in(new)?;
    for (file, bytes) in &wanted {
        let to = old.join(file);
        if fs::read(&to).is_ok_and(|there| there == *bytes) {
            continue;
        }
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(to, bytes)?;
    }
    for file in files_in(old)?.keys() {
        if !wanted.contains_key(file) {
            fs::remove_file(old.join(file))?;
        }
    }
    Ok(())
}

/// All files under a folder, by their paths in it.
pub(super) fn files_in(folder: &Path) -> io::Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
                continue;
            }
            let path = entry.path();
            let inside = path.strip_prefix(folder).map_err(io::Error::other)?;
            files.insert(inside.to_owned(), fs::read(&path)?);
        }
    }
    Ok(files)
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

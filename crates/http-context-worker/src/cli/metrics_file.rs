//! `--metrics-file`: the metrics of a run, written once every context has closed.
//!
//! They go into a file beside the real one that then takes its place, so that a collector which
//! reads at any moment reads a whole file.

use std::io::{self, Write as _};
use std::path::Path;

use crate::failure::Failure;

/// Writes the file.
///
/// # Errors
///
/// [`Failure::Metrics`] when it cannot be written.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), Failure> {
    replace(path, text.as_bytes()).map_err(|source| Failure::Metrics {
        path: path.to_path_buf(),
        source,
    })
}

fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    // A device or a pipe is written as it is.
    if std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        return std::fs::write(path, content);
    }
    let dir = match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    };
    let mut file = tempfile::NamedTempFile::new_in(dir)?;
    file.write_all(content)?;
    #[cfg(all(unix, not(http_context_no_unix)))]
    {
        use std::os::unix::fs::PermissionsExt;
        file.as_file()
            .set_permissions(std::fs::Permissions::from_mode(0o644))?;
    }
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_replaced_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("metrics.prom");
        std::fs::write(&path, "x".repeat(100_000)).unwrap();
        write(&path, "a_total 7\n").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "a_total 7\n");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}

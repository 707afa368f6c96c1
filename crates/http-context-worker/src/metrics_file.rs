//! `--metrics-file`: what is known of a run, in Prometheus' text format.
//!
//! Written once every context has closed, into a file beside the real one that then takes its
//! place, so that a collector which reads at any moment reads a whole file. The names are those of
//! the telemetry catalogue.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::Path;

use crate::failure::Failure;
use crate::tally::Tally;

/// Writes the file.
///
/// # Errors
///
/// [`Failure::Metrics`] when it cannot be written.
pub(crate) fn write(path: &Path, tally: &Tally) -> Result<(), Failure> {
    replace(path, exposition(tally).as_bytes()).map_err(|source| Failure::Metrics {
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
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        file.as_file()
            .set_permissions(std::fs::Permissions::from_mode(0o644))?;
    }
    file.persist(path)?;
    Ok(())
}

fn exposition(tally: &Tally) -> String {
    let mut text = String::new();
    let labelled = |map: &std::collections::BTreeMap<String, u64>, name: &str| {
        (name.to_owned(), map.get(name).copied().unwrap_or(0))
    };
    counter(
        &mut text,
        "http_context_worker_jobs_total",
        "Jobs by what became of them.",
        "status",
        &[
            ("ok".to_owned(), tally.ok),
            ("failed".to_owned(), tally.failed),
            ("retried".to_owned(), tally.retried),
        ],
    );
    counter(
        &mut text,
        "http_context_contexts_total",
        "Contexts that ended, by outcome.",
        "outcome",
        &["completed", "failed", "cancelled", "panicked"]
            .map(|outcome| labelled(&tally.contexts, outcome)),
    );
    counter(
        &mut text,
        "http_context_request_connections_total",
        "Response heads received, by the use of their connection.",
        "source",
        &["new", "reused", "unknown"].map(|source| labelled(&tally.responses, source)),
    );
    counter(
        &mut text,
        "http_context_nested_opens_total",
        "Contexts opened inside another.",
        "policy",
        &[("pass_through".to_owned(), tally.nested_opens)],
    );
    counter(
        &mut text,
        "http_context_leaks_total",
        "Leaks found, by kind.",
        "kind",
        &http_context::LeakKind::ALL.map(|kind| labelled(&tally.leaks, kind.as_str())),
    );
    text
}

fn counter(text: &mut String, name: &str, help: &str, label: &str, values: &[(String, u64)]) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} counter");
    for (value, n) in values {
        let _ = writeln!(text, "{name}{{{label}=\"{value}\"}} {n}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_replaced_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("metrics.prom");
        std::fs::write(&path, "x".repeat(100_000)).unwrap();
        let mut tally = Tally {
            ok: 7,
            ..Tally::default()
        };
        tally.responses.insert("reused".to_owned(), 3);
        write(&path, &tally).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        for line in [
            "# TYPE http_context_worker_jobs_total counter",
            "http_context_worker_jobs_total{status=\"ok\"} 7",
            "http_context_request_connections_total{source=\"reused\"} 3",
            "http_context_contexts_total{outcome=\"panicked\"} 0",
            "http_context_leaks_total{kind=\"connection\"} 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}

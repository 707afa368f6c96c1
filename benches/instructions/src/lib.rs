//! How instructions are counted, and what a count is held to.

use gungraun::{Callgrind, EventKind, LibraryBenchmarkConfig};

/// A configuration that fails where these many instructions of the benchmark and of what it calls are exceeded by more
/// than 2 %. Those of the server, a process of its own, are not counted.
#[must_use]
pub fn held_to(committed: u64) -> LibraryBenchmarkConfig {
    held(without_the_server(), committed)
}

/// As [`held_to`], by a tool that counts less than all.
#[must_use]
pub fn held(mut callgrind: Callgrind, committed: u64) -> LibraryBenchmarkConfig {
    callgrind.hard_limits([(EventKind::Ir, committed + committed / 50)]);
    of(callgrind)
}

/// A configuration for what is only there to compare with.
#[must_use]
pub fn counted() -> LibraryBenchmarkConfig {
    of(without_the_server())
}

fn without_the_server() -> Callgrind {
    Callgrind::with_args(["--trace-children=no"])
}

fn of(callgrind: Callgrind) -> LibraryBenchmarkConfig {
    let mut config = LibraryBenchmarkConfig::default();
    config.tool(callgrind);
    config
}

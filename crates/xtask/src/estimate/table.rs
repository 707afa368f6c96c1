//! What steps take on a machine with two cores and nothing else to do. To take it down anew: run
//! `cargo xtask test` twice there, the first time without a target folder, and read `xtask-durations.json` in
//! that folder after each.

use super::Known;

/// The cores of that machine.
pub(super) const CORES: f64 = 2.0;

pub(super) const TABLE: &[(&str, Known)] = &[
    ("rules", runs(0.3)),
    ("circles", runs(0.2)),
    ("fmt", runs(4.0)),
    ("msrv", runs(3.5)),
    ("clippy", known(250.0, 10.0, 0.0)),
    ("features", known(550.0, 30.0, 0.0)),
    ("providers", known(41.0, 3.0, 0.0)),
    ("elsewhere", known(36.0, 3.0, 0.0)),
    ("docs", known(58.0, 20.0, 13.0)),
    ("api", known(26.0, 7.0, 0.0)),
    ("test", known(430.0, 5.0, 465.0)),
    ("sdks", known(155.0, 5.0, 4.0)),
    ("no-kernel", known(100.0, 2.0, 110.0)),
    ("interleavings", known(38.0, 12.0, 8.0)),
    ("packages", known(70.0, 20.0, 0.0)),
    ("instructions", known(224.0, 2.0, 83.0)),
    ("deny", runs(6.0)),
    ("dashboards", runs(30.0)),
    ("quick-clippy", known(60.0, 20.0, 0.0)),
    ("quick-tests", known(98.0, 30.0, 10.0)),
];

const fn known(build_from_nothing: f64, build_again: f64, run: f64) -> Known {
    Known {
        build_from_nothing,
        build_again,
        run,
    }
}

const fn runs(run: f64) -> Known {
    known(0.0, 0.0, run)
}

/// Nothing for a step that is not in the table, which a test forbids.
pub(super) fn of(step: &str) -> Known {
    let found = TABLE.iter().find(|(name, _)| *name == step);
    found.map_or(runs(0.0), |(_, known)| *known)
}

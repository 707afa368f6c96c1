//! Mutation testing: whether some test fails for each change that one can make to the libraries.
//!
//! Which changes nobody can notice stands in `.cargo/mutants.toml`.

use std::process::Command;

use crate::{
    command::{cargo, run, run_with},
    tools::{self, Toolbox},
    workspace::Workspace,
};

const LIBRARIES: [&str; 2] = ["http-context", "http-context-middleware"];

/// The quick ones of `tests/`: all of them take some ten seconds. What takes longer by itself
/// (bounds, cancellation, faults, and the worker's program) would add a minute to each change.
const QUICK: [&str; 12] = [
    "default_observer",
    "exit_bound",
    "footprint",
    "lazy_job",
    "leaks",
    "model",
    "otlp",
    "pool",
    "semantics",
    "telemetry",
    "thread_locals",
    "truth",
];

/// Seconds that the tests may take with a change, which can make one of them hang.
const PATIENCE: &str = "60";
/// How cargo-mutants ends after that, whether or not another change went unnoticed.
const SOME_HUNG: i32 = 3;

/// Changes the libraries in each way that cargo-mutants knows, one at a time, and fails when no
/// test does. The options are those of cargo-mutants.
pub(crate) fn test(
    workspace: &Workspace,
    toolbox: &Toolbox,
    options: &[&str],
) -> Result<(), String> {
    let program = toolbox.require(&tools::CARGO_MUTANTS)?;
    // By itself cargo-mutants would look at the libraries' own tests only.
    if !options.contains(&"--list") {
        let mut unchanged = cargo(&["test", "--quiet", "-p", "http-context-tests"]);
        for library in LIBRARIES {
            unchanged.args(["-p", library]);
        }
        run(quick(&mut unchanged))?;
    }
    let mut command = Command::new(program);
    command.arg("mutants").current_dir(&workspace.root);
    command.args(["--test-package", "http-context-tests"]);
    for library in LIBRARIES {
        command.args(["-p", library, "--test-package", library]);
    }
    command.args(["--baseline", "skip", "--timeout", PATIENCE]);
    command.arg("--output").arg(&workspace.target);
    // A hang is a failure, of the tests too.
    let all_noticed = |code| {
        let missed = workspace.target.join("mutants.out/missed.txt");
        code == SOME_HUNG && std::fs::read(missed).is_ok_and(|missed| missed.is_empty())
    };
    run_with(quick(command.args(options).arg("--")), all_noticed)
}

fn quick(command: &mut Command) -> &mut Command {
    command.arg("--lib");
    for test in QUICK {
        command.args(["--test", test]);
    }
    // They wait more than they compute.
    command.env("RUST_TEST_THREADS", "8")
}

//! Mutation testing: some test fails for each change that cargo-mutants makes to the libraries.
//!
//! `.cargo/mutants.toml` has the exceptions, with reasons, and `.cargo/mutants.md` what was found.

mod at_once;

use std::process::Command;

use crate::{
    command::{cargo, run, run_with},
    tools::{self, Toolbox},
    workspace::Workspace,
};

const LIBRARIES: [&str; 2] = ["http-context", "http-context-middleware"];

/// The quick ones of `tests/`: together they take less than a minute. The others (bounds,
/// cancellation, faults, and the worker's program) would add a minute to each change.
const QUICK: [&str; 21] = [
    "builders",
    "closes",
    "default_observer",
    "errors",
    "exit_bound",
    "footprint",
    "lazy_job",
    "leaks",
    "model",
    "otlp",
    "plain_client",
    "pool",
    "redirects",
    "semantics",
    "services",
    "telemetry",
    "thread_locals",
    "truth",
    "unseen",
    "upgrades",
    "websockets",
];

/// The time limit of the tests in seconds, since a change can make one hang.
const TIME_LIMIT: &str = "120";
/// The exit code of cargo-mutants after a hang, whether or not a change was missed.
const SOME_HUNG: i32 = 3;

/// Fails when the tests pass with some change. The options are those of cargo-mutants, or those of [`at_once`].
pub(crate) fn test(
    workspace: &Workspace,
    toolbox: &Toolbox,
    options: &[&str],
) -> Result<(), String> {
    let program = toolbox.require(&tools::CARGO_MUTANTS)?;
    if let ["--at-once", options @ ..] = options {
        return at_once::test(workspace, &program, options);
    }
    // By default cargo-mutants runs the libraries' own tests only.
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
    command.args(["--baseline", "skip", "--timeout", TIME_LIMIT]);
    command.arg("--output").arg(&workspace.target);
    // A test that hangs has noticed the change.
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

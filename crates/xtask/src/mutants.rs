//! Mutation testing: whether some test fails for each change that one can make to the libraries.
//!
//! What is changed, which tests have to notice, and which changes nobody can notice stands in
//! `.cargo/mutants.toml`.

use std::process::Command;

use crate::{
    command::run,
    tools::{self, Toolbox},
    workspace::Workspace,
};

/// Changes the libraries in each way that cargo-mutants knows, one at a time, and fails when no
/// test does. The options are those of cargo-mutants.
pub(crate) fn test(
    workspace: &Workspace,
    toolbox: &Toolbox,
    options: &[&str],
) -> Result<(), String> {
    let program = toolbox.require(&tools::CARGO_MUTANTS)?;
    let mut command = Command::new(program);
    command.arg("mutants").current_dir(&workspace.root);
    command.args(["-p", "http-context", "-p", "http-context-middleware"]);
    command.arg("--output").arg(&workspace.target);
    // The tests wait more than they compute.
    command.env("RUST_TEST_THREADS", "8");
    run(command.args(options))
}

//! What the steps do.

use std::{num::NonZero, path::PathBuf, process::Command, thread::available_parallelism};

use super::Outcome;
use crate::{
    command::{cargo, cargo_unlocked, none_failed, run, run_tests},
    lacking, links,
    tools::{self, Toolbox},
    workspace::Workspace,
    wrapper::Wrapper,
};

/// A workspace of its own.
const SDKS: &str = "tests/sdks/Cargo.toml";

/// Also of the workspace that is none of this one's members.
pub(super) fn fmt(workspace: &Workspace) -> Result<(), String> {
    let mut sdks = cargo_unlocked(&["fmt", "--all", "--check", "--manifest-path"]);
    run(&mut cargo_unlocked(&["fmt", "--all", "--check"]))?;
    run(sdks.arg(workspace.root.join(SDKS)))
}

pub(super) fn clippy(arguments: &[&str]) -> Result<(), String> {
    let mut command = cargo(&["clippy", "--quiet"]);
    run(command.args(arguments).args(["--", "-D", "warnings"]))
}

/// Of what others use; without the tests, whose dependencies would enable the missing features.
pub(super) fn features(workspace: &Workspace) -> Result<(), String> {
    let mut failed = Vec::new();
    for package in workspace.published() {
        let name = package.name.as_str();
        let alone = package.features.iter().map(String::as_str);
        for feature in std::iter::once("").chain(alone) {
            let wanted = ["-p", name, "--no-default-features", "--features", feature];
            let wanted = &wanted[..if feature.is_empty() { 3 } else { 5 }];
            if let Err(error) = clippy(wanted) {
                failed.push(error);
            }
        }
    }
    if let Err(error) = lacking::check(workspace) {
        failed.push(error);
    }
    none_failed(&failed)
}

/// Private items are left out: a private module may have the name of a function
/// in it, as `open` has, and a link to that name would be ambiguous.
pub(super) fn docs(workspace: &Workspace) -> Result<(), String> {
    links::forget_pages(workspace)?;
    // What is needed for that is built first, by all cores.
    run(&mut cargo(&[
        "check",
        "--quiet",
        "--workspace",
        "--all-features",
    ]))?;
    let mut command = cargo(&["doc", "--workspace", "--no-deps", "--all-features"]);
    // One after the other: the folder of a crate is away while that one is documented, and a link to it from
    // another one would lead nowhere.
    command.args(["--jobs", "1"]);
    run(command.arg("--quiet").env("RUSTDOCFLAGS", "-D warnings"))
}

/// With all features, which includes the tests that need tools beyond Rust.
const TESTS: [&str; 4] = ["test", "--workspace", "--all-features", "--no-fail-fast"];

pub(super) fn build_tests(toolbox: &Toolbox) -> Result<(), String> {
    for tool in [
        &tools::PROMTOOL,
        &tools::PROMETHEUS,
        &tools::CHROMIUM,
        &tools::REDIS_SERVER,
        &tools::POSTGRES,
        &tools::FAKETIME,
        &tools::OTELTAP,
        &tools::ROTEL,
        &tools::CHECK_JSONSCHEMA,
        &tools::HADOLINT,
        &tools::PYTHON,
        &tools::TCPDUMP,
    ] {
        toolbox.require(tool)?;
    }
    run(cargo(&TESTS).arg("--no-run"))
}

/// The tests find the tools on the search path.
pub(super) fn test(toolbox: &Toolbox) -> Result<(), String> {
    run_tests(more_at_once(&mut cargo(&TESTS)).env("PATH", toolbox.search_path()))
}

/// Twice as many tests at once as by default, which is one for each core: they wait more than they compute.
fn more_at_once(tests: &mut Command) -> &mut Command {
    const THREADS: &str = "RUST_TEST_THREADS";
    if std::env::var_os(THREADS).is_none() {
        let cores = available_parallelism().map_or(1, NonZero::get);
        tests.env(THREADS, (2 * cores).to_string());
    }
    tests
}

/// Of the core and of what a mistake there shows in first, all with the features that they have among all
/// tests: with others they would be built a second time.
pub(super) fn quick_tests(more: &[&str]) -> Result<(), String> {
    let mut command = cargo(&["test", "--quiet", "--all-features"]);
    for package in [
        "http-context",
        "http-context-middleware",
        "http-context-tests",
    ] {
        command.args(["-p", package]);
    }
    run_tests(command.args(["--lib", "--test", "semantics"]).args(more))
}

/// Clippy that also generates code, so that what these SDKs need is not compiled a second time, for clippy alone.
const CLIPPY_AND_BUILD: Wrapper = Wrapper {
    name: "clippy-and-build",
    line: "clippy-driver \"$@\" -D warnings",
};

/// In a workspace of their own, so that the lock file and the build of the libraries stay as small as they are; what
/// both need is built once.
fn test_sdks(workspace: &Workspace, more: &[&str]) -> Result<(), String> {
    let mut command = CLIPPY_AND_BUILD.cargo(workspace, &["test", "--workspace"])?;
    command.arg("--manifest-path");
    command.arg(workspace.root.join(SDKS));
    command.arg("--target-dir").arg(&workspace.target);
    run_tests(command.args(more))
}

pub(super) fn build_sdks(workspace: &Workspace) -> Result<(), String> {
    println!("what these SDKs need is built first, which takes minutes where it was not yet");
    test_sdks(workspace, &["--no-run"])
}

pub(super) fn sdks(workspace: &Workspace) -> Result<(), String> {
    test_sdks(workspace, &[])
}

/// As on a system that the library cannot ask for sockets.
const NO_KERNEL: Wrapper = Wrapper {
    name: "no-kernel",
    line: "\"$@\" --cfg http_context_no_kernel",
};

/// The libraries' own tests, and those of `tests/`. All with the features that they have among all tests: with others,
/// what they need would be built a second time.
pub(super) fn no_kernel(workspace: &Workspace, more: &[&str]) -> Result<(), String> {
    let mut command = NO_KERNEL.cargo(workspace, &TESTS)?;
    more_at_once(&mut command).arg("--lib");
    let suites = workspace.tests_of("http-context-tests");
    for suite in suites.filter(|suite| !NOTHING_OF_KERNEL.contains(suite)) {
        command.args(["--test", suite]);
    }
    command.args(more).arg("--");
    for test in NOT_WITHOUT_KERNEL {
        command.args(["--skip", test]);
    }
    run_tests(&mut command)
}

/// Tests of what is the same wherever it runs: how contexts are built and what errors say, whose a session is, what
/// servers, spans and metrics are told, how much memory something takes, and the servers of the tests themselves; and
/// what is held against a capture at length, as `wire` does in short.
const NOTHING_OF_KERNEL: [&str; 17] = [
    "bounds",
    "builders",
    "dashboards",
    "default_observer",
    "errors",
    "footprint",
    "guide",
    "lazy_job",
    "length",
    "otlp",
    "redirects",
    "servers",
    "services",
    "support",
    "telemetry",
    "thread_locals",
    "transcript",
];

/// What needs programs.
const NOT_WITHOUT_KERNEL: [&str; 2] = ["a_program_that_was_installed", "servers_of_others"];

/// The benchmarks that count instructions.
const INSTRUCTIONS: [&str; 4] = ["bench", "-p", "http-context-instructions", "--benches"];

pub(super) fn build_instructions(toolbox: &Toolbox) -> Result<(), String> {
    toolbox.require(&tools::VALGRIND)?;
    toolbox.require(&tools::GUNGRAUN_RUNNER)?;
    run(cargo(&INSTRUCTIONS).arg("--no-run"))
}

/// Fails when a count exceeds the committed one by more than 2 %.
pub(super) fn instructions(toolbox: &Toolbox) -> Result<(), String> {
    let runner = toolbox.require(&tools::GUNGRAUN_RUNNER)?;
    run(cargo(&INSTRUCTIONS).env("GUNGRAUN_RUNNER", runner))
}

pub(super) fn deny(toolbox: &Toolbox) -> Result<(), String> {
    let program = toolbox.require(&tools::CARGO_DENY)?;
    let mut command = Command::new(program);
    command.args(["--workspace", "--all-features", "--locked", "check"]);
    run(command.args(["licenses", "bans", "sources"]))
}

pub(super) fn dashboards(workspace: &Workspace, toolbox: &Toolbox) -> Outcome {
    match rule_files(workspace) {
        Ok((rules, _)) if rules.is_empty() => {
            Outcome::Nothing("dashboards/ has no rules to check yet")
        }
        Ok((rules, tests)) => promtool(workspace, toolbox, &rules, &tests).into(),
        Err(error) => Outcome::Failed(error),
    }
}

fn promtool(
    workspace: &Workspace,
    toolbox: &Toolbox,
    rules: &[PathBuf],
    tests: &[PathBuf],
) -> Result<(), String> {
    let program = toolbox.require(&tools::PROMTOOL)?;
    let promtool = |verb: &str, files: &[PathBuf]| {
        let mut command = Command::new(&program);
        run(command
            .current_dir(&workspace.root)
            .args([verb, "rules"])
            .args(files))
    };
    promtool("check", rules)?;
    if tests.is_empty() {
        return Err("the rules have no tests (dashboards/**/*.test.yml)".to_owned());
    }
    promtool("test", tests)
}

/// Rule files (`*.rules.yml`) and their tests (`*.test.yml`).
fn rule_files(workspace: &Workspace) -> Result<(Vec<PathBuf>, Vec<PathBuf>), String> {
    let named = |files: &[PathBuf], ending: &str| -> Vec<PathBuf> {
        let is_named = |file: &&PathBuf| {
            file.starts_with("dashboards") && file.to_string_lossy().ends_with(ending)
        };
        files.iter().filter(is_named).cloned().collect()
    };
    let files = workspace.files()?;
    Ok((named(&files, ".rules.yml"), named(&files, ".test.yml")))
}

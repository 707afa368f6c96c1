//! The steps in their order: cheap ones first, so that a mistake shows early.

use std::{path::PathBuf, process::Command};

use crate::{
    api, circles,
    command::{cargo, run},
    house_rules, msrv,
    tools::{self, Toolbox},
    workspace::Workspace,
};

/// One check.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) run: fn(&Workspace, &Toolbox) -> Outcome,
}

/// How a step ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    Passed,
    /// Nothing to check, with the reason.
    Nothing(&'static str),
    Failed(String),
}

impl From<Result<(), String>> for Outcome {
    fn from(result: Result<(), String>) -> Self {
        result.map_or_else(Self::Failed, |()| Self::Passed)
    }
}

pub(crate) const ALL: &[Step] = &[
    Step {
        name: "rules",
        about: "the house rules that a text search can check",
        run: |workspace, _| house_rules::check(workspace).into(),
    },
    Step {
        name: "circles",
        about: "no circular dependencies: modules of the libraries, files of the core",
        run: |workspace, _| circles::check(workspace).into(),
    },
    Step {
        name: "fmt",
        about: "rustfmt changes nothing",
        run: |workspace, _| fmt(workspace).into(),
    },
    Step {
        name: "msrv",
        about: "the minimum supported Rust version of dependencies, compiler and README agree",
        run: |workspace, _| msrv::check(workspace).into(),
    },
    Step {
        name: "clippy",
        about: "clippy has no warnings on any target, with all features",
        run: |_, _| clippy(&["--workspace", "--all-targets", "--all-features"]).into(),
    },
    Step {
        name: "features",
        about: "each crate builds without features, and with each single one; what a worker says of those that it lacks",
        run: |workspace, _| features(workspace).into(),
    },
    Step {
        name: "docs",
        about: "the documentation builds without broken links",
        run: |_, _| docs().into(),
    },
    Step {
        name: "api",
        about: "the public API of the libraries is the committed one (`cargo xtask api` writes it)",
        run: |workspace, _| api::check(workspace).into(),
    },
    Step {
        name: "test",
        about: "unit, integration and documentation tests, with all features",
        run: |_, toolbox| test(toolbox).into(),
    },
    Step {
        name: "sdks",
        about: "whole SDKs inside a context: clippy and tests of `tests/sdks`, a workspace of its own",
        run: |workspace, _| sdks(workspace).into(),
    },
    Step {
        name: "no-kernel",
        about: "the tests of the libraries hold where no system shows sockets and their closes",
        run: |workspace, _| no_kernel(workspace).into(),
    },
    Step {
        name: "bench",
        about: "the benchmarks compile",
        run: |_, _| {
            run(&mut cargo(&[
                "bench",
                "-p",
                "http-context-benches",
                "--no-run",
            ]))
            .into()
        },
    },
    Step {
        name: "instructions",
        about: "steps and requests take no more instructions than the committed counts (valgrind)",
        run: |_, toolbox| instructions(toolbox).into(),
    },
    Step {
        name: "deny",
        about: "licences, bans and sources of the dependencies (cargo-deny)",
        run: |_, toolbox| deny(toolbox).into(),
    },
    Step {
        name: "dashboards",
        about: "Prometheus rules and their tests (promtool)",
        run: dashboards,
    },
];

/// A workspace of its own.
const SDKS: &str = "tests/sdks/Cargo.toml";

/// Without `--locked`, which `cargo fmt` does not support.
fn cargo_plain(arguments: &[&str]) -> Command {
    let mut command = Command::new(cargo(&[]).get_program());
    command.args(arguments);
    command
}

/// Also of the workspace that is none of this one's members.
fn fmt(workspace: &Workspace) -> Result<(), String> {
    let mut sdks = cargo_plain(&["fmt", "--all", "--check", "--manifest-path"]);
    run(&mut cargo_plain(&["fmt", "--all", "--check"]))?;
    run(sdks.arg(workspace.root.join(SDKS)))
}

fn clippy(arguments: &[&str]) -> Result<(), String> {
    let mut command = cargo(&["clippy", "--quiet"]);
    run(command.args(arguments).args(["--", "-D", "warnings"]))
}

/// Without the tests, whose dependencies would enable the missing features.
fn features(workspace: &Workspace) -> Result<(), String> {
    let mut failed = Vec::new();
    for package in &workspace.packages {
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
    // Of programs as they are built with these features, and so not among the tests with all of them.
    for features in [&["--no-default-features"][..], &[]] {
        let mut said = cargo(&[
            "test",
            "--quiet",
            "-p",
            "http-context-worker",
            "--test",
            "features",
        ]);
        if let Err(error) = run(said.args(features)) {
            failed.push(error);
        }
    }
    if failed.is_empty() {
        Ok(())
    } else {
        Err(failed.join("\n"))
    }
}

/// Private items are left out: a private module may have the name of a function
/// in it, as `open` has, and a link to that name would be ambiguous.
fn docs() -> Result<(), String> {
    let mut command = cargo(&["doc", "--workspace", "--no-deps", "--all-features"]);
    run(command.arg("--quiet").env("RUSTDOCFLAGS", "-D warnings"))
}

/// With all features, which includes the tests that need tools beyond Rust.
/// Those find the tools on the search path.
fn test(toolbox: &Toolbox) -> Result<(), String> {
    for tool in [
        &tools::PROMTOOL,
        &tools::PROMETHEUS,
        &tools::CHROMIUM,
        &tools::REDIS_SERVER,
        &tools::OTELTAP,
        &tools::ROTEL,
        &tools::CHECK_JSONSCHEMA,
        &tools::HADOLINT,
        &tools::PYTHON,
    ] {
        toolbox.require(tool)?;
    }
    let mut command = cargo(&["test", "--workspace", "--all-features", "--no-fail-fast"]);
    command.env("PATH", toolbox.search_path());
    run(&mut command)
}

/// In a workspace and a folder of their own, so that the lock file and the build of the libraries stay
/// as small as they are.
fn sdks(workspace: &Workspace) -> Result<(), String> {
    println!("what these SDKs need is built first, which takes minutes where it was not yet");
    let in_sdks = |arguments: &[&str]| {
        let mut command = cargo(arguments);
        command.arg("--manifest-path");
        command.arg(workspace.root.join(SDKS));
        command.arg("--target-dir");
        command.arg(workspace.target.join("sdks"));
        command.env("CARGO_INCREMENTAL", "0");
        command
    };
    let mut clippy = in_sdks(&["clippy", "--quiet", "--workspace", "--all-targets"]);
    run(clippy.args(["--", "-D", "warnings"]))?;
    run(&mut in_sdks(&["test", "--workspace"]))
}

/// As on a system that the library cannot ask for sockets. In a folder of its own, since all that is
/// built there is built anew for the flag; without the worker, the examples of the documentation and
/// the tests that need programs, all of which are about something else.
fn no_kernel(workspace: &Workspace) -> Result<(), String> {
    let flags = std::env::var("RUSTFLAGS").unwrap_or_default();
    let test = |arguments: &[&str]| {
        let mut command = cargo(&["test", "--no-fail-fast", "--target-dir"]);
        command.arg(workspace.target.join("no-kernel"));
        command.env("RUSTFLAGS", format!("{flags} --cfg http_context_no_kernel"));
        command.env("CARGO_INCREMENTAL", "0");
        run(command.args(arguments))
    };
    let libraries = ["-p", "http-context", "-p", "http-context-middleware"];
    // Both, so that one does not go unseen for the other.
    let all = [
        test(&[&libraries[..], &["--all-features", "--lib"]].concat()),
        test(&["-p", "http-context-tests", "--lib", "--tests"]),
    ];
    all.into_iter().collect()
}

/// Fails when a count exceeds the committed one by more than 2 %.
fn instructions(toolbox: &Toolbox) -> Result<(), String> {
    toolbox.require(&tools::VALGRIND)?;
    let runner = toolbox.require(&tools::GUNGRAUN_RUNNER)?;
    let mut command = cargo(&["bench", "-p", "http-context-benches"]);
    command.args(["--bench", "core_instructions"]);
    command.args(["--bench", "request_instructions"]);
    command.args(["--bench", "websocket_instructions"]);
    command.env("GUNGRAUN_RUNNER", runner);
    run(&mut command)
}

fn deny(toolbox: &Toolbox) -> Result<(), String> {
    let program = toolbox.require(&tools::CARGO_DENY)?;
    let mut command = Command::new(program);
    command.args(["--workspace", "--all-features", "--locked", "check"]);
    run(command.args(["licenses", "bans", "sources"]))
}

fn dashboards(workspace: &Workspace, toolbox: &Toolbox) -> Outcome {
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

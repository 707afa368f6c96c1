//! The checks and tests of this workspace, as one command: `cargo xtask test`.
//!
//! It prints its plan, installs the tools beyond Rust that the plan needs, runs
//! it step by step, and ends with a table of the results.

#![expect(
    clippy::print_stdout,
    reason = "a command-line program speaks on standard output"
)]

mod api;
mod circles;
mod command;
mod coverage;
mod disk;
mod elsewhere;
mod estimate;
mod failed_tests;
mod house_rules;
mod interleavings;
mod lacking;
mod links;
mod msrv;
mod mutants;
mod named_tests;
mod packages;
mod plan;
mod providers;
mod release;
mod steps;
mod tools;
mod tree;
mod workspace;
mod wrapper;

use std::process::ExitCode;

use crate::{plan::Plan, tools::Toolbox, workspace::Workspace};

const USAGE: &str = "\
cargo xtask test [--only STEP,…] [--skip STEP,…]
    Check and test the workspace. Default: all steps.
    Says at each step about how long is left, by what each took last here.
cargo xtask quick
    What one runs while editing: rules, fmt, clippy, unit tests, and the contract
    of contexts. Takes less than 90 seconds when one file has changed.
cargo xtask list
    The steps, and what each does.
cargo xtask api
    Write the public API of the libraries to crates/*/api.txt.
cargo xtask release --dry-run
    What has to be true before a release: versions, changelog, what has changed
    since the last one and what version that asks for, and what is left to do by
    hand. Releases nothing.
cargo xtask coverage [libraries] [worker]
    Which lines and branches no test reaches, file by file. Builds everything anew,
    8 GB of it. The results are in `coverage` in the target folder.
cargo xtask mutants [OPTION…]
    Run cargo-mutants on the libraries: some test has to fail for each change.
    Takes hours: `--file` and `--re` choose some, `--shard 0/8` is an eighth of
    all, `--list` only lists them. The results are in `mutants.out` in the target
    folder.
cargo xtask mutants --at-once [OPTION…]
    Those of the changes that compile behind a switch, in one build of them all: an
    hour or two. Each meets the tests that reach it, up to `--budget 15` seconds of
    them; a second run goes on with the tests that are left. `--longer` adds suites
    that take seconds, `--again` tries anew what no test noticed, `--jobs 8` is how
    many run at a time, and `--report` only says what is known. Others choose
    changes, as above. The results are in `mutants-at-once` in the target folder.
cargo xtask interleavings --preemptions N
    Run the models of what threads share in more interleavings than a step of
    `test` has time for: a thread that could go on is stopped up to N times.
cargo xtask interleavings --weaker [FILE]
    Run them with weaker code, one weakness after another: each has to make its
    model fail. Takes a quarter of an hour.
cargo xtask tools
    Install every tool that a step or a benchmark can use, and print its path.";

fn main() -> ExitCode {
    if let Some(code) = api::rustdoc_if_asked().or_else(coverage::rustc_if_asked) {
        return code;
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments.as_slice() {
        ["test", options @ ..] => test(options),
        ["quick"] => Workspace::read().map(|workspace| Plan::quick().run(&workspace)),
        ["list"] => {
            for step in steps::ALL {
                println!("{:<14}{}", step.name, step.about);
            }
            Ok(true)
        }
        ["api"] => Workspace::read().and_then(|workspace| api::write(&workspace).map(|()| true)),
        ["release", "--dry-run"] => {
            Workspace::read().and_then(|workspace| release::dry_run(&workspace))
        }
        ["release", ..] => Err(
            "a release is made by hand: `cargo xtask release --dry-run` says how, and what is missing".to_owned(),
        ),
        ["coverage", options @ ..] => coverage(options).map(|()| true),
        ["mutants", options @ ..] => mutants(options).map(|()| true),
        ["interleavings", options @ ..] => Workspace::read()
            .and_then(|workspace| interleavings::at_length(&workspace, options))
            .map(|()| true),
        ["tools"] => install_tools(),
        [] | ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            Ok(true)
        }
        [unknown, ..] => Err(format!("no such command: {unknown}\n\n{USAGE}")),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("{error}");
            ExitCode::from(2)
        }
    }
}

/// Whether every step passed.
fn test(options: &[&str]) -> Result<bool, String> {
    let plan = Plan::parse(options)?;
    let workspace = Workspace::read()?;
    Ok(plan.run(&workspace))
}

fn coverage(options: &[&str]) -> Result<(), String> {
    let workspace = Workspace::read()?;
    coverage::measure(&workspace, &Toolbox::new(&workspace), options)
}

fn mutants(options: &[&str]) -> Result<(), String> {
    let workspace = Workspace::read()?;
    mutants::test(&workspace, &Toolbox::new(&workspace), options)
}

/// Whether every tool is there now.
fn install_tools() -> Result<bool, String> {
    let toolbox = Toolbox::new(&Workspace::read()?);
    let mut all = true;
    for tool in tools::ALL {
        match toolbox.require(tool) {
            Ok(path) => println!("{}: {}", tool.program, path.display()),
            Err(why) => {
                println!("{}: {why}", tool.program);
                all = false;
            }
        }
    }
    Ok(all)
}

//! Coverage: which lines and branches of the libraries no test reaches.
//!
//! The counts are those of the compiler's own instrumentation, by `cargo-llvm-cov`. What comes of it is to be
//! read, and is no gate: a number that has to stay high is met by tests that assert nothing.

mod report;

use std::{
    fs,
    path::PathBuf,
    process::{Command, ExitCode},
};

use crate::{
    command::{cargo_unlocked, output, run},
    tools::{self, Toolbox},
    workspace::Workspace,
};

/// What is built and tested together, and reported of.
#[derive(Debug)]
struct Suite {
    name: &'static str,
    reported: &'static [&'static str],
    tested: &'static [&'static str],
}

const SUITES: [Suite; 2] = [
    Suite {
        name: "libraries",
        reported: &[
            "http-context",
            "http-context-adapters",
            "http-context-macros",
            "http-context-middleware",
        ],
        tested: &["http-context-tests"],
    },
    Suite {
        name: "worker",
        reported: &["http-context-worker"],
        tested: &[],
    },
];

/// Where `cargo-llvm-cov` builds, in the target folder.
const FOLDER: &str = "llvm-cov-target";
/// Set when this program runs in place of `rustc`.
const AS_RUSTC: &str = "XTASK_AS_RUSTC";

/// Runs `rustc` when this program was started for that. Branches are counted by an unstable option, which is
/// for what is instrumented alone: where the compiler let everybody use what is unstable, some dependencies
/// would find that out, and be others than their users have.
pub(crate) fn rustc_if_asked() -> Option<ExitCode> {
    std::env::var_os(AS_RUSTC)?;
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut rustc = Command::new("rustc");
    rustc.args(&arguments);
    if arguments
        .iter()
        .any(|one| one.contains("instrument-coverage"))
    {
        rustc.args(["-Z", "coverage-options=branch"]);
        rustc.env("RUSTC_BOOTSTRAP", "1");
    }
    let is_ok = rustc.status().is_ok_and(|status| status.success());
    Some(if is_ok {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Tests what the options name, or all, and prints what was not reached.
pub(crate) fn measure(
    workspace: &Workspace,
    toolbox: &Toolbox,
    options: &[&str],
) -> Result<(), String> {
    let is_unknown = |name: &&&str| SUITES.iter().all(|suite| suite.name != **name);
    if let Some(unknown) = options.iter().find(is_unknown) {
        return Err(format!(
            "there is no coverage of {unknown}: of `libraries` and of `worker`"
        ));
    }
    toolbox.require(&tools::CARGO_LLVM_COV)?;
    let llvm = Llvm::find()?;
    for suite in SUITES {
        if options.is_empty() || options.contains(&suite.name) {
            measure_suite(workspace, toolbox, &llvm, &suite)?;
        }
    }
    Ok(())
}

fn measure_suite(
    workspace: &Workspace,
    toolbox: &Toolbox,
    llvm: &Llvm,
    suite: &Suite,
) -> Result<(), String> {
    let itself = std::env::current_exe().map_err(|error| error.to_string())?;
    let llvm_cov = |arguments: &[&str]| {
        let mut command = cargo_unlocked(&["llvm-cov"]);
        command.args(arguments).current_dir(&workspace.root);
        // Without these two it would install a component of the toolchain.
        command
            .env("LLVM_COV", &llvm.cov)
            .env("LLVM_PROFDATA", &llvm.profdata);
        command.env("RUSTC", &itself).env(AS_RUSTC, "1");
        command
            .env("CARGO_INCREMENTAL", "0")
            .env("PATH", toolbox.search_path());
        command
    };
    // A test that fails, for what is instrumented is slower, has reached what it has reached.
    let mut test = llvm_cov(&[
        "--no-report",
        "--no-cfg-coverage",
        "--ignore-run-fail",
        "--locked",
    ]);
    test.args(["--all-features", "--lib", "--tests"]);
    for package in suite.reported.iter().chain(suite.tested) {
        test.args(["-p", package]);
    }
    run(&mut test)?;

    let results = workspace.target.join("coverage");
    fs::create_dir_all(&results).map_err(|error| error.to_string())?;
    let file = results.join(suite.name).with_extension("json");
    let mut export = llvm_cov(&["report", "--json", "--skip-functions"]);
    // A program that a test kills leaves a file that ends in the middle.
    export.args(["--failure-mode", "all", "--output-path"]);
    run(export.arg(&file))?;
    let exported = fs::read_to_string(&file).map_err(|error| error.to_string())?;
    let report = report::of(&exported, &workspace.root, suite.reported)?;
    println!("{report}");
    let table = file.with_extension("txt");
    fs::write(&table, &report).map_err(|error| error.to_string())?;
    println!(
        "That is in {}, and all counts in {}. What was built for it is of no other use: {}",
        table.display(),
        file.display(),
        workspace.target.join(FOLDER).display()
    );
    Ok(())
}

/// The two programs that read what was counted. They have to be of the compiler's own version of LLVM.
#[derive(Debug)]
struct Llvm {
    cov: PathBuf,
    profdata: PathBuf,
}

impl Llvm {
    fn find() -> Result<Self, String> {
        let said = output(Command::new("rustc").arg("-vV"))?;
        let version = llvm_version(&said).ok_or("`rustc -vV` does not say which LLVM it has")?;
        let find = |variable: &str, program: &str| {
            let chosen = std::env::var_os(variable).map(PathBuf::from);
            let name = format!("{program}-{version}");
            let search = std::env::var_os("PATH").unwrap_or_default();
            let found = || {
                std::env::split_paths(&search)
                    .map(|folder| folder.join(&name))
                    .find(|path| path.is_file())
            };
            chosen.or_else(found).ok_or_else(|| {
                format!(
                    "{name} is not there. Install LLVM {version}, as by `apt-get install llvm-{version}`, or say \
                     in {variable} where that program is"
                )
            })
        };
        Ok(Self {
            cov: find("LLVM_COV", "llvm-cov")?,
            profdata: find("LLVM_PROFDATA", "llvm-profdata")?,
        })
    }
}

/// The first number of the version, by which Debian names its packages.
fn llvm_version(said: &str) -> Option<&str> {
    let version = said
        .lines()
        .find_map(|line| line.strip_prefix("LLVM version: "))?;
    version.split('.').next()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_programs_of_llvm_are_those_of_the_compiler() {
        let said = "rustc 1.95.0\nrelease: 1.95.0\nLLVM version: 22.1.2\n";
        assert_eq!(super::llvm_version(said), Some("22"));
        assert_eq!(super::llvm_version("rustc 1.95.0\n"), None);
    }
}

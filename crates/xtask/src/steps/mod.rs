//! The steps in their order: cheap ones first, so that a mistake shows early.

mod checks;

use crate::{
    api, circles, elsewhere, house_rules, interleavings, links, msrv, named_tests, packages,
    providers, tools::Toolbox, workspace::Workspace,
};

type Build = fn(&Workspace, &Toolbox) -> Result<(), String>;

/// One check.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// What the compiler does for it, and comes first.
    pub(crate) build: Option<Build>,
    /// What is done with it.
    pub(crate) run: Option<fn(&Workspace, &Toolbox) -> Outcome>,
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

const RULES: Step = Step {
    name: "rules",
    about: "the house rules that a text search can check, and the tests that SECURITY.md names",
    build: None,
    run: Some(|workspace, _| {
        let all = [house_rules::check(workspace), named_tests::check(workspace)];
        all.into_iter().collect::<Result<(), String>>().into()
    }),
};

const FMT: Step = Step {
    name: "fmt",
    about: "rustfmt changes nothing",
    build: None,
    run: Some(|workspace, _| checks::fmt(workspace).into()),
};

pub(crate) const ALL: &[Step] = &[
    RULES,
    Step {
        name: "circles",
        about: "no circular dependencies: modules of the libraries, files of the core",
        build: None,
        run: Some(|workspace, _| circles::check(workspace).into()),
    },
    FMT,
    Step {
        name: "msrv",
        about: "dependencies, compiler and documentation agree with the oldest Rust that each crate promises",
        build: None,
        run: Some(|workspace, _| msrv::check(workspace).into()),
    },
    Step {
        name: "clippy",
        about: "clippy has no warnings on any target, with all features",
        build: Some(|_, _| checks::clippy(&["--workspace", "--all-targets", "--all-features"])),
        run: None,
    },
    Step {
        name: "features",
        about: "each published crate builds without features, and with each single one; what a worker says of those \
                that it lacks",
        build: Some(|workspace, _| checks::features(workspace)),
        run: None,
    },
    Step {
        name: "providers",
        about: "the provider of cryptography is the one that was chosen, and no second one is built",
        build: Some(|workspace, _| providers::check(workspace)),
        run: None,
    },
    Step {
        name: "elsewhere",
        about: "what macOS and Windows have in place of what is only on Linux compiles, on Linux",
        build: Some(|workspace, _| elsewhere::check(workspace)),
        run: None,
    },
    Step {
        name: "docs",
        about: "the documentation builds; every link and anchor in it, and in the Markdown here, leads somewhere \
                (lychee)",
        build: Some(|workspace, _| checks::docs(workspace)),
        run: Some(|workspace, toolbox| links::check(workspace, toolbox).into()),
    },
    Step {
        name: "api",
        about: "the public API of the libraries is the committed one (`cargo xtask api` writes it)",
        build: Some(|workspace, _| api::check(workspace)),
        run: None,
    },
    Step {
        name: "test",
        about: "unit, integration and documentation tests, with all features",
        build: Some(|_, toolbox| checks::build_tests(toolbox)),
        run: Some(|_, toolbox| checks::test(toolbox).into()),
    },
    Step {
        name: "sdks",
        about: "whole SDKs inside a context: clippy and tests of `tests/sdks`, a workspace of its own",
        build: Some(|workspace, _| checks::build_sdks(workspace)),
        run: Some(|workspace, _| checks::sdks(workspace).into()),
    },
    Step {
        name: "no-kernel",
        about: "the tests of the libraries hold where no system shows sockets and their closes",
        build: Some(|workspace, _| checks::no_kernel(workspace, &["--no-run"])),
        run: Some(|workspace, _| checks::no_kernel(workspace, &[]).into()),
    },
    Step {
        name: "interleavings",
        about: "what threads of the core share holds in every order of their steps, of few preemptions (loom)",
        build: Some(|workspace, _| interleavings::build(workspace)),
        run: Some(|workspace, _| interleavings::test(workspace).into()),
    },
    Step {
        name: "packages",
        about: "each published crate and its examples compile from what is in its package",
        build: Some(|workspace, _| {
            packages::pack(workspace).and_then(|()| packages::check(workspace))
        }),
        run: None,
    },
    Step {
        name: "instructions",
        about: "steps and requests take no more instructions than the committed counts (valgrind)",
        build: Some(|_, toolbox| checks::build_instructions(toolbox)),
        run: Some(|_, toolbox| checks::instructions(toolbox).into()),
    },
    Step {
        name: "deny",
        about: "licences, bans and sources of the dependencies (cargo-deny)",
        build: None,
        run: Some(|_, toolbox| checks::deny(toolbox).into()),
    },
    Step {
        name: "dashboards",
        about: "Prometheus rules and their tests (promtool)",
        build: None,
        run: Some(checks::dashboards),
    },
];

/// What one runs while editing.
pub(crate) const QUICK: &[Step] = &[
    RULES,
    FMT,
    Step {
        name: "quick-clippy",
        about: "clippy has no warnings on the libraries and programs, with all features",
        build: Some(|_, _| checks::clippy(&["--workspace", "--all-features"])),
        run: None,
    },
    Step {
        name: "quick-tests",
        about: "the unit tests of the core and the instrumentation, and the contract of contexts",
        build: Some(|_, _| checks::quick_tests(&["--no-run"])),
        run: Some(|_, _| checks::quick_tests(&[]).into()),
    },
];

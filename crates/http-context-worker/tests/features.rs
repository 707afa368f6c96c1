//! What a program says that is built without what it is asked for. Each test is about a program without some
//! feature: `cargo xtask test --only features` builds those.

#![allow(clippy::unwrap_used, reason = "tests")]
#![cfg_attr(
    all(
        feature = "redis",
        feature = "otlp-grpc",
        any(feature = "aws-lc-rs", feature = "ring")
    ),
    expect(dead_code, reason = "nothing is missing")
)]

use std::process::{Command, Output};

/// The program, with nothing but these variables.
fn program(args: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_http-context-worker"));
    command.args(args).env_clear();
    command.envs(variables.iter().copied()).output().unwrap()
}

/// What is left of a run that was refused before it began.
fn refusal(args: &[&str], variables: &[(&str, &str)]) -> String {
    let done = program(args, variables);
    assert_eq!(done.status.code(), Some(2));
    assert_eq!(done.stdout, b"");
    String::from_utf8(done.stderr).unwrap()
}

#[cfg(not(feature = "redis"))]
#[test]
fn a_program_without_redis_names_the_feature_when_it_is_given_one() {
    for args in [
        &["run", "--jobs", "-"][..],
        &["enqueue", "--jobs", "-"],
        &["serve"],
    ] {
        let args = [args, &["--queue", "redis://127.0.0.1:1"]].concat();
        let refusal = refusal(&args, &[]);
        assert!(
            refusal.contains(
                "this program is built without the feature `redis` of http-context-worker, by which queues are \
                 kept in Redis: build it with that feature\n"
            ),
            "{refusal}"
        );
    }
}

#[cfg(not(any(feature = "aws-lc-rs", feature = "ring")))]
#[test]
fn a_demo_with_nobody_to_make_its_certificate_names_the_features() {
    assert_eq!(
        refusal(&["demo"], &[]),
        "error: cannot start the demo's servers: this program is built without the feature `aws-lc-rs` or \
         `ring` of http-context-worker, by which certificates are made: build it with that feature\n"
    );
}

#[cfg(not(feature = "otlp"))]
#[test]
fn a_program_without_exporters_names_the_feature_and_the_variable_that_asks_for_them() {
    for (name, value) in [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1"),
        ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://127.0.0.1:1"),
        ("OTEL_TRACES_EXPORTER", "otlp"),
    ] {
        assert_eq!(
            refusal(&["run", "--jobs", "/dev/null"], &[(name, value)]),
            format!(
                "error: cannot export telemetry: {name} asks for it, and this program is built without the \
                 feature `otlp` of http-context-worker, by which telemetry is exported: build it with that \
                 feature, or set OTEL_SDK_DISABLED=true\n"
            )
        );
    }
    for variables in [
        &[][..],
        &[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1"),
            ("OTEL_SDK_DISABLED", "true"),
        ],
        &[("OTEL_TRACES_EXPORTER", "none")],
    ] {
        let done = program(&["run", "--jobs", "/dev/null"], variables);
        assert_eq!(done.status.code(), Some(0), "{variables:?}");
    }
}

#[cfg(all(feature = "otlp", not(feature = "otlp-grpc")))]
#[test]
fn a_program_without_grpc_names_the_feature_and_the_variable_that_asks_for_it() {
    for name in [
        "OTEL_EXPORTER_OTLP_PROTOCOL",
        "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL",
    ] {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1");
        assert_eq!(
            refusal(&["run", "--jobs", "/dev/null"], &[endpoint, (name, "grpc")]),
            format!(
                "error: cannot export telemetry: {name} is \"grpc\", and this program is built without the feature \
                 `otlp-grpc` of http-context-worker, by which telemetry is exported over gRPC: build it with that \
                 feature, or use http/protobuf\n"
            )
        );
    }
}

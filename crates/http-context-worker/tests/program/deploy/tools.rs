//! The deployment examples before the tools of those whom they are written for.

use std::path::Path;
use std::process::Command;

use super::deploy_folder;
use crate::support::Files;

/// Runs a tool that `cargo xtask test` installs; what it found fails the test.
fn passes(command: &mut Command) {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}; run `cargo xtask test`"));
    let reported = [output.stdout, output.stderr].concat();
    let reported = String::from_utf8_lossy(&reported);
    assert!(output.status.success(), "{command:?}\n{reported}");
}

#[test]
fn the_compose_file_is_of_the_compose_specification() {
    let file = deploy_folder().join("compose.yaml");
    let schema = ["--builtin-schema", "vendor.compose-spec"];
    passes(Command::new("check-jsonschema").args(schema).arg(file));
}

#[test]
fn a_linter_has_nothing_to_say_of_the_containerfile() {
    let file = deploy_folder().join("Containerfile");
    passes(Command::new("hadolint").arg(file));
}

#[test]
fn prometheus_takes_its_configuration_with_the_rules() {
    let files = Files::new();
    // As they are mounted.
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dashboards/prometheus");
    std::os::unix::fs::symlink(rules.canonicalize().unwrap(), files.path("rules")).unwrap();
    let config = std::fs::read(deploy_folder().join("prometheus.yml")).unwrap();
    let config = files.write("prometheus.yml", config);
    passes(
        Command::new("promtool")
            .args(["check", "config"])
            .arg(config),
    );
}

#[test]
fn each_manifest_is_of_the_schema_of_its_kind() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/program/deploy/manifests.py");
    let mut command = Command::new("python3");
    command.arg(script);
    for file in std::fs::read_dir(deploy_folder().join("kubernetes")).unwrap() {
        command.arg(file.unwrap().path());
    }
    passes(&mut command);
}

//! Many machines under disasters, in short, and the program that says whether that went as it may.
//!
//! At length, with `root`: `MACHINES_EVENTS=1000 MACHINES_SEED=7 cargo test -p http-context-worker --all-features
//! --test machines -- --nocapture`. What the witnesses saw stands in `target/machines/ENGINE`.

#![cfg(target_os = "linux")]
#![allow(
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "tests, which say what was left out"
)]

#[path = "rig/quickened.rs"]
mod quickened;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What it takes that is not everywhere.
const TOOLS: [&str; 9] = [
    "unshare",
    "nsenter",
    "setpriv",
    "ip",
    "ss",
    "prometheus",
    "rotel-agent",
    "redis-server",
    "postgres",
];

#[test]
fn the_checker_finds_each_fault_that_is_planted_in_a_history() {
    let mut tests = Command::new("python3");
    tests.args(["-B", "-m", "unittest", "test_check_history"]);
    let done = tests.current_dir(folder().join("check")).output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{said}");
    assert!(said.contains("Ran 2"), "{said}");
}

#[test]
fn over_redis_no_job_is_lost_and_none_is_settled_twice() {
    disasters_over("redis");
}

#[test]
fn over_postgres_no_job_is_lost_and_none_is_settled_twice() {
    disasters_over("postgres");
}

fn disasters_over(engine: &str) {
    if let Some(missing) = missing() {
        // A test that passes shows nothing that is printed by `eprintln!`.
        let said = format!("LEFT OUT: many machines over {engine}: {missing}\n");
        std::io::stderr().write_all(said.as_bytes()).unwrap();
        return;
    }
    let out = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .with_file_name("machines")
        .join(engine);
    let _ = std::fs::remove_dir_all(&out);
    let mut machines = Command::new(env!("CARGO_BIN_EXE_machines"));
    machines.args(["run", "--engine", engine]);
    machines.args(["--events", &variable("MACHINES_EVENTS", "12")]);
    machines.args(["--seed", &variable("MACHINES_SEED", "1")]);
    machines.arg("--out").arg(&out);
    machines.args(["--worker", env!("CARGO_BIN_EXE_http-context-worker")]);
    let ran = machines.status().unwrap();
    let mut check = Command::new("python3");
    check
        .arg("-B")
        .arg(folder().join("check/check_history.py"))
        .arg(&out);
    let checked = check.output().unwrap();
    let said = String::from_utf8_lossy(&checked.stdout);
    eprintln!("{engine}: {}", said.lines().last().unwrap_or_default());
    let said = format!("{said}{}", String::from_utf8_lossy(&checked.stderr));
    let out = out.display();
    assert!(checked.status.success(), "{said}; {out} has the history");
    assert!(ran.success(), "{out} has the history");
}

/// Why machines cannot be made here, when they cannot.
fn missing() -> Option<String> {
    let has = |tool: &&str| {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).any(|folder| folder.join(tool).exists())
    };
    if let Some(tool) = TOOLS.iter().find(|tool| !has(tool)) {
        return Some(format!("there is no {tool} on the search path"));
    }
    let mut probe = Command::new("unshare");
    probe.args([
        "--mount",
        "--net",
        "--pid",
        "--fork",
        "--mount-proc",
        "sh",
        "-c",
    ]);
    probe.arg("mount -t tmpfs probe /run && ip link add probe type bridge && ip link add probe-a type veth peer name probe-b");
    let probed = probe.output().unwrap();
    let said = String::from_utf8_lossy(&probed.stderr);
    (!probed.status.success()).then(|| format!("namespaces cannot be made: {said}"))
}

fn variable(name: &str, default: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| default.to_owned())
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/machines")
}

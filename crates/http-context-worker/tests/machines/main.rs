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
use std::time::Duration;

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
    assert!(said.contains(" tests in "), "{said}");
}

#[test]
fn over_redis_no_job_is_lost_and_none_is_settled_twice() {
    disasters_over("redis");
}

#[test]
fn over_postgres_no_job_is_lost_and_none_is_settled_twice() {
    disasters_over("postgres");
}

#[test]
fn a_run_that_is_killed_leaves_no_process_and_no_namespace() {
    if is_left_out("redis") {
        return;
    }
    let out = out("killed");
    let mut run = machines("redis", "0", &out).spawn().unwrap();
    let settled = || {
        let history = std::fs::read_to_string(out.join("rig.jsonl")).unwrap_or_default();
        history.contains("\"kind\":\"settled\"")
    };
    until("its first jobs are settled", settled);
    assert!(processes(&out) > 5);
    run.kill().unwrap();
    run.wait().unwrap();
    until("its processes are gone", || processes(&out) == 0);
    let mounts = std::fs::read_to_string("/proc/mounts").unwrap();
    assert!(!mounts.contains(out.to_str().unwrap()));
    let spaces = std::fs::read_dir("/run/netns").unwrap().flatten();
    let names: Vec<_> = spaces.map(|space| space.file_name()).collect();
    assert!(!names.contains(&"worker-1".into()), "{names:?}");
}

/// How many processes there are that name this folder.
fn processes(folder: &Path) -> usize {
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = all.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
    let folder = folder.to_str().unwrap();
    let names_it = |line: &Vec<u8>| String::from_utf8_lossy(line).contains(folder);
    lines.filter(names_it).count()
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let began = tokio::time::Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_mins(1), "in vain: {what}");
        std::thread::park_timeout(Duration::from_millis(50));
    }
}

fn disasters_over(engine: &str) {
    if is_left_out(engine) {
        return;
    }
    let out = out(engine);
    let events = variable("MACHINES_EVENTS", "12");
    let ran = machines(engine, &events, &out).status().unwrap();
    let mut check = Command::new("python3");
    check.arg("-B").arg(folder().join("check/check_history.py"));
    let checked = check.arg(&out).output().unwrap();
    let said = String::from_utf8_lossy(&checked.stdout);
    eprintln!("{engine}: {}", said.lines().last().unwrap_or_default());
    let said = format!("{said}{}", String::from_utf8_lossy(&checked.stderr));
    let out = out.display();
    assert!(checked.status.success(), "{said}; {out} has the history");
    assert!(ran.success(), "{out} has the history");
}

/// Where a run leaves what its witnesses saw. Nothing is there yet.
fn out(name: &str) -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let out = target.with_file_name("machines").join(name);
    let _ = std::fs::remove_dir_all(&out);
    out
}

fn machines(engine: &str, events: &str, out: &Path) -> Command {
    // It ends with the thread of its test, however that ends.
    let mut machines = Command::new("setpriv");
    machines.args(["--pdeathsig", "KILL", env!("CARGO_BIN_EXE_machines")]);
    machines.args(["run", "--engine", engine, "--events", events]);
    machines.args(["--seed", &variable("MACHINES_SEED", "1")]);
    machines.arg("--out").arg(out);
    machines.args(["--worker", env!("CARGO_BIN_EXE_http-context-worker")]);
    machines
}

/// Whether machines cannot be made here. Then it is said.
fn is_left_out(engine: &str) -> bool {
    let Some(missing) = missing() else {
        return false;
    };
    // Of a test that passes nothing is shown that `eprintln!` prints.
    let said = format!("LEFT OUT: many machines over {engine}: {missing}\n");
    std::io::stderr().write_all(said.as_bytes()).unwrap();
    true
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

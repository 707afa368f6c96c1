//! Many machines, and a script of disasters: workers that share a queue, the store of the queue with its standby,
//! upstreams, a Prometheus with the rules of this workspace and a collector, each in a network namespace of its own.
//!
//! ```text
//! machines run --engine redis|postgres --events N --seed N --out FOLDER --worker PROGRAM
//! ```
//!
//! It needs root. All of it lives in namespaces of processes, of mounts and of networks that end with their first
//! process, whatever ends that: nothing is left behind, also where this program is killed. What witnesses have seen
//! stands in `FOLDER/*.jsonl`, beside the results; `check/check_history.py` says whether that is what may be.
//!
//! The other orders are those of its own processes on the machines.

#![allow(
    clippy::print_stderr,
    reason = "a program of the tests, which says how far it is"
)]
#![allow(
    clippy::disallowed_methods,
    reason = "threads that wait for processes: no runtime is here, and no clock that is paused"
)]

mod checkpoint;
mod clocks;
mod disasters;
mod disks;
mod episodes;
mod history;
mod network;
mod process;
mod producer;
mod prometheus;
mod quickened;
mod random;
mod rig;
mod services;
mod store;

mod proxy;
mod upstream;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use crate::store::Engine;

type Fallible<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// What lasts as long as a disaster gives no signal when it is over.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What is asked for.
#[derive(Debug)]
struct Asked {
    engine: Engine,
    events: u32,
    seed: u64,
    out: PathBuf,
    worker: PathBuf,
}

impl Asked {
    fn parse(arguments: &[String]) -> Fallible<Self> {
        let value = |name: &str| -> Fallible<&str> {
            let at = arguments.iter().position(|argument| argument == name);
            let value = at.and_then(|at| arguments.get(at + 1));
            Ok(value.ok_or_else(|| format!("{name} is missing"))?)
        };
        Ok(Self {
            engine: Engine::parse(value("--engine")?)?,
            events: value("--events")?.parse()?,
            seed: value("--seed")?.parse()?,
            out: value("--out")?.into(),
            worker: value("--worker")?.into(),
        })
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["run", ..] => Asked::parse(&arguments).and_then(|asked| isolate(&asked, &arguments)),
        ["inside", ..] => Asked::parse(&arguments).and_then(|asked| rig::run(&asked)),
        ["upstream", address, history, name] => upstream::serve(address, Path::new(history), name),
        ["proxy", address] => proxy::serve(address),
        _ => Err("machines run --engine redis|postgres --events N --seed N --out FOLDER --worker PROGRAM".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Starts this program again, as the first process of its own namespaces.
fn isolate(asked: &Asked, arguments: &[String]) -> Fallible {
    std::fs::create_dir_all(&asked.out)?;
    let mut inside = Command::new("unshare");
    inside.args([
        "--mount",
        "--net",
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
    ]);
    // Whoever kills the test kills all of it.
    let mut isolated = Command::new("setpriv");
    isolated
        .args(["--pdeathsig", "KILL"])
        .arg(inside.get_program())
        .args(inside.get_args());
    isolated
        .arg(std::env::current_exe()?)
        .arg("inside")
        .args(&arguments[1..]);
    if isolated.status()?.success() {
        return Ok(());
    }
    Err("it has failed".into())
}

/// Waits until something is so.
fn until(what: &str, limit: Duration, mut is_so: impl FnMut() -> Fallible<bool>) -> Fallible {
    let began = Instant::now();
    while !is_so()? {
        if began.elapsed() > limit {
            return Err(format!("it takes too long until {what}").into());
        }
        std::thread::sleep(LOOK_EVERY);
    }
    Ok(())
}

/// Runs a program, which must succeed.
fn succeed(program: &str, arguments: &[&str]) -> Fallible {
    output(program, arguments).map(drop)
}

/// What a program prints.
fn output(program: &str, arguments: &[&str]) -> Fallible<String> {
    let output = Command::new(program).args(arguments).output()?;
    if output.status.success() {
        return Ok(String::from_utf8(output.stdout)?);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{program} {}: {said}", arguments.join(" ")).into())
}

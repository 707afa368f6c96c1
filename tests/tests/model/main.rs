//! Random programs against a reference.
//!
//! A program is a list of steps: tasks open contexts in each other and in themselves, make requests of
//! every kind over HTTP/1.1 and HTTP/2, in clear and over TLS, upgrade connections, keep what they get
//! past the exit, close it, and end in every way there is. The same steps run against the library, with
//! real servers, and against a [`reference`] that says in plain data what the contract asks for. After
//! each step all must agree who can tell: what the step has shown, every fact that observers have heard,
//! the reports of contexts that have exited, and what the servers have open; after each program nothing
//! may be open, which the kernel says as well.
//!
//! Steps are taken one at a time, by tasks that wait for orders: so a program does the same each time
//! and on every runtime, and one that fails shrinks to a few lines. `MODEL_STEPS=1000000` runs
//! random programs until so many steps were taken, from a seed that is printed; `MODEL_SEED` sets it.
//!
//! | file | what it is |
//! |---|---|
//! | `op.rs` | the steps, and how they are drawn |
//! | `reference/` | what the contract says of them; it has less than a tenth of the lines that it checks, which a test counts |
//! | `actor.rs`, `served.rs` | a task that follows orders, and the service that it answers as |
//! | `drive/` | takes each step on both sides |
//! | `witness.rs`, `peers.rs` | who can tell: observers, servers, and the kernel |

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test that cannot go on fails, and says where"
)]

mod actor;
mod drive;
mod op;
mod peers;
mod reference;
mod served;
mod witness;

use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};

use http_context_tests::LongRun;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use tokio::runtime::{Builder, Runtime};

use crate::peers::Peers;
use crate::reference::Facts;

/// How many programs run where no number of steps is asked for.
const PROGRAMS: u32 = 400;

/// The longest of them.
const MOST_STEPS: usize = 60;

/// Every fact that programs are made to come to, and what else they are to. A run that does not is drawn too narrowly.
const FORESEEN: &[&str] = &[
    "body aborted",
    "body complete",
    "body of a pool",
    "borrowed of a closed pool",
    "borrowed warm",
    "borrowed, and all were in use",
    "body dropped",
    "context closed cancelled",
    "context closed completed",
    "context closed failed",
    "context closed panicked",
    "heartbeat answered",
    "leak client_clone",
    "leak context_overdue",
    "leak never_closed",
    "leak of a pool",
    "leak request_in_flight",
    "leak response_body",
    "leak session_handle",
    "leak task",
    "leak upgraded_connection",
    "leak use_after_exit",
    "nested Deny",
    "nested Isolate",
    "nested PassThrough",
    "nested Warn",
    "plain request 200",
    "pool gives cold",
    "pool gives warm",
    "pool session closed aborted",
    "pool session closed closed_early",
    "pool session closed leaked",
    "pool session closed pool_closed",
    "pool session closed unverified",
    "redirected",
    "request answered 101 HTTP/1.1 by a some connection",
    "request answered 200 HTTP/1.1 by a some connection",
    "request answered 200 HTTP/2.0 by a new connection",
    "request answered 200 HTTP/2.0 by a reused connection",
    "request cancelled",
    "request failed redirect_error",
    "request failed session_closed",
    "session opened created",
    "session opened pooled",
    "session opened recreated",
    "shared connection closed",
    "shared connection opened",
    "upgrade ended other exit false None",
    "upgrade ended other failed false None",
    "upgrade ended other local false None",
    "upgrade ended other local true None",
    "upgrade ended other remote false None",
    "upgrade ended pooled local false Some(1000)",
    "upgrade ended pooled local true Some(1001)",
    "upgrade ended pooled owner false Some(1001)",
    "upgrade ended pooled remote false Some(1008)",
    "upgrade ended websocket exit false Some(1001)",
    "upgrade ended websocket heartbeat_timeout false Some(1001)",
    "upgrade ended websocket local false Some(1000)",
    "upgrade ended websocket local true Some(1001)",
    "upgrade ended websocket remote false Some(1008)",
];

/// Runs programs on a runtime, and fails with the shortest that parts from the reference.
fn programs(runtime: &Runtime, name: &str) {
    silence_planned_panics();
    let asked = LongRun::from_env(name, "MODEL_STEPS", "MODEL_SEED");
    let (steps_wanted, seed) = (asked.wanted, asked.seed);
    let (steps, count) = (Cell::new(0), Cell::new(0));
    let (met, has_parted) = (RefCell::new(Facts::new()), Cell::new(false));
    for batch in 0.. {
        // New ones for each: they remember every WebSocket that they had.
        let peers = RefCell::new(Peers::start());
        // A runner is good for one run.
        let result = runner(seed, batch).run(&op::programs(MOST_STEPS), |program| {
            steps.set(steps.get() + program.len() as u64);
            count.set(count.get() + 1);
            let number = count.get();
            let ran = runtime.block_on(drive::run(&program, &peers.borrow(), name, number));
            match ran {
                Ok(facts) => {
                    for (fact, times) in facts {
                        *met.borrow_mut().entry(fact).or_default() += times;
                    }
                    Ok(())
                }
                Err(parted) => {
                    if !has_parted.replace(true) {
                        println!("{name}: {number} programs, and one parts:\n{parted}\nwhich is now shrunk");
                    }
                    // What it has left at the peers is not the next one's.
                    peers.replace(Peers::start());
                    Err(TestCaseError::fail(parted))
                }
            }
        });
        match result {
            Ok(()) => {}
            Err(TestError::Fail(why, program)) => {
                panic!(
                    "after {} programs, one parts from its reference:\n{why}\n{program:?}",
                    count.get()
                )
            }
            Err(TestError::Abort(why)) => panic!("{why}"),
        }
        if steps_wanted.is_none_or(|wanted| steps.get() >= wanted) {
            break;
        }
    }
    println!("{name}: {} programs, {} steps", count.get(), steps.get());
    for (fact, times) in met.borrow().iter() {
        println!("  {times} {fact}");
    }
    let is_met = |fact: &&&str| !met.borrow().contains_key(**fact);
    let unmet: Vec<_> = FORESEEN.iter().filter(is_met).collect();
    assert_eq!(unmet, [&""; 0], "no program of {name} came to this");
}

fn runner(seed: u64, batch: u64) -> TestRunner {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8..16].copy_from_slice(&batch.to_le_bytes());
    let config = Config {
        cases: PROGRAMS,
        failure_persistence: None,
        max_shrink_iters: 5_000,
        max_shrink_time: 30_000,
        ..Config::default()
    };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}

/// Panics that a program asks for are not shown; others are.
fn silence_planned_panics() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let show = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let payload = panic.payload();
            let is_report = payload
                .downcast_ref::<String>()
                .is_some_and(|text| actor::is_report(text));
            if !payload.is::<actor::Planned>() && !is_report {
                show(panic);
            }
        }));
    });
}

#[test]
fn on_one_thread_every_program_does_what_the_contract_says() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    programs(&runtime, "one thread");
}

#[test]
fn on_several_threads_every_program_does_what_the_contract_says() {
    let runtime = Builder::new_multi_thread()
        .worker_threads(3)
        .enable_all()
        .build()
        .unwrap();
    programs(&runtime, "several threads");
}

/// Lines of code in the files of a folder and of those in it, without comments and unit tests.
fn lines_of_code(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).unwrap();
    let of = |path: PathBuf| {
        if path.is_dir() {
            return lines_of_code(&path);
        }
        if path.extension().is_none_or(|extension| extension != "rs") || path.ends_with("tests.rs")
        {
            return 0;
        }
        let text = std::fs::read_to_string(path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let is_code = |line: &&str| !line.trim().is_empty() && !line.trim().starts_with("//");
        code.lines().filter(is_code).count()
    };
    entries.map(|entry| of(entry.unwrap().path())).sum()
}

#[test]
fn the_reference_has_less_than_a_tenth_of_the_lines_that_it_checks() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let reference = lines_of_code(&tests.join("tests/model/reference"));
    let checked = [
        "caller",
        "children",
        "context",
        "exchange",
        "exit",
        "open",
        "pool",
        "scope",
        "service",
        "session",
        "websocket",
        "transport",
    ];
    let library = tests.join("../crates/http-context/src");
    let checked: usize = checked
        .iter()
        .map(|folder| lines_of_code(&library.join(folder)))
        .sum();
    assert!(reference * 10 < checked, "{reference} lines for {checked}");
}

//! Random programs against a reference.
//!
//! A program is a list of steps: tasks open contexts in each other and in themselves, make requests,
//! keep what they get, and end in every way there is. The same steps run against the library, with a
//! real server, and against a reference that says in plain data what the contract asks for. After
//! each step both must show the same, and at the end nothing may be open.
//!
//! Steps are taken one at a time, by tasks that wait for orders: so a program does the same each time
//! and on every runtime, and one that fails shrinks to a few lines. `MODEL_STEPS=1000000` runs
//! random programs until so many steps were taken, from a seed that is printed; `MODEL_SEED` sets it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test that cannot go on fails, and says where"
)]

mod actor;
mod drive;
mod op;
mod reference;

use std::cell::Cell;

use http_context_tests::{LongRun, Server};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use tokio::runtime::{Builder, Runtime};

/// How many programs run where no number of steps is asked for.
const PROGRAMS: u32 = 200;

/// The longest of them.
const MOST_STEPS: usize = 40;

/// Runs programs on a runtime, and fails with the shortest that parts from the reference.
fn programs(runtime: &Runtime, name: &str) {
    silence_planned_panics();
    let asked = LongRun::from_env(name, "MODEL_STEPS", "MODEL_SEED");
    let (steps_wanted, seed) = (asked.wanted, asked.seed);
    let server = Server::builder().http1().start();
    let (steps, count) = (Cell::new(0), Cell::new(0));
    for batch in 0.. {
        // A runner is good for one run.
        let result = runner(seed, batch).run(&op::programs(MOST_STEPS), |program| {
            steps.set(steps.get() + program.len() as u64);
            count.set(count.get() + 1);
            runtime
                .block_on(drive::run(&program, &server, name))
                .map_err(TestCaseError::fail)
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
}

fn runner(seed: u64, batch: u64) -> TestRunner {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8..16].copy_from_slice(&batch.to_le_bytes());
    let config = Config {
        cases: PROGRAMS,
        failure_persistence: None,
        max_shrink_iters: 5_000,
        max_shrink_time: 60_000,
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
            if !panic.payload().is::<actor::Planned>() {
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

//! A machine that takes as long as that of the table, one that takes twice as long, and one that has run
//! before.

use super::*;

const STEPS: [&str; 3] = ["clippy", "test", "sdks"];

fn parts() -> impl Iterator<Item = (&'static str, Part)> {
    let parts = |step| [(step, Part::Build), (step, Part::Run)];
    STEPS.into_iter().flat_map(parts)
}

fn estimate(last: &[(&str, Taken)]) -> Estimate {
    let last = last
        .iter()
        .map(|(step, taken)| ((*step).to_owned(), *taken));
    Estimate::new(PathBuf::new(), last.collect(), CORES)
}

fn close(duration: Duration, seconds: f64) -> bool {
    (duration.as_secs_f64() - seconds).abs() < seconds / 10.0
}

fn from_nothing(step: &str) -> f64 {
    table::of(step).build_from_nothing + table::of(step).run
}

fn again(step: &str) -> f64 {
    table::of(step).build_again + table::of(step).run
}

#[test]
fn a_machine_that_has_run_nothing_takes_as_long_as_that_of_the_table() {
    let estimate = estimate(&[]);
    assert!(estimate.is_first_run(STEPS));
    let all = STEPS.map(from_nothing).iter().sum();
    assert!(close(estimate.left(parts()), all));
    let mut fast = estimate;
    fast.cores = 4.0 * CORES;
    // Only the compiler is faster by its cores.
    let built = |step| table::of(step).build_from_nothing / 4.0 + table::of(step).run;
    assert!(close(fast.left(parts()), STEPS.map(built).iter().sum()));
}

#[test]
fn what_was_measured_of_a_run_corrects_what_is_left_of_it() {
    let mut estimate = estimate(&[]);
    let long = Duration::from_secs_f64(20.0 * table::of("test").build_from_nothing);
    estimate.passed("test", long, Duration::from_secs_f64(table::of("test").run));
    let left = estimate.left([("sdks", Part::Build)]);
    let before = table::of("sdks").build_from_nothing;
    assert!(left.as_secs_f64() > 10.0 * before, "{left:?}");
    // A slow compiler says nothing of what it built.
    let left = estimate.left([("sdks", Part::Run)]);
    assert!(close(left, table::of("sdks").run), "{left:?}");
}

#[test]
fn a_step_takes_what_it_took_last() {
    let taken = Taken {
        build: 100.0,
        run: 50.0,
        again: true,
    };
    let estimate = estimate(&[("test", taken)]);
    assert!(!estimate.is_first_run(STEPS));
    let left = estimate.left([("test", Part::Build), ("test", Part::Run)]);
    assert_eq!(left, Duration::from_secs(150));
}

#[test]
fn what_was_built_from_nothing_is_not_built_so_again() {
    let slow = STEPS.map(|step| {
        let known = table::of(step);
        let (build, run) = (2.0 * known.build_from_nothing, 2.0 * known.run);
        (
            step,
            Taken {
                build,
                run,
                again: false,
            },
        )
    });
    let estimate = estimate(&slow);
    let expected = 2.0 * STEPS.map(again).iter().sum::<f64>();
    let left = estimate.left(parts());
    assert!(close(left, expected), "{left:?}, not {expected} s");
}

#[test]
fn a_machine_that_was_slow_so_far_is_slow_in_what_it_has_not_run() {
    let known = table::of("test");
    let taken = Taken {
        build: 3.0 * known.build_from_nothing,
        run: 3.0 * known.run,
        again: false,
    };
    let estimate = estimate(&[("test", taken)]);
    let left = estimate.left([("sdks", Part::Build), ("sdks", Part::Run)]);
    assert!(left.as_secs_f64() > 2.5 * from_nothing("sdks"), "{left:?}");
}

#[test]
fn what_was_written_down_is_read_and_what_is_no_such_file_is_none() {
    let dir = std::env::temp_dir().join(format!("xtask-estimate-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let mut first = Estimate::read(&dir);
    first.passed("clippy", Duration::from_mins(1), Duration::ZERO);
    first.write();
    let second = Estimate::read(&dir);
    let taken = Taken {
        build: 60.0,
        run: 0.0,
        again: false,
    };
    assert_eq!(second.last, BTreeMap::from([("clippy".to_owned(), taken)]));
    std::fs::remove_dir_all(&dir).unwrap();
    for text in [
        "",
        "[]",
        "{\"clippy\": {\"build\": -1, \"run\": 1, \"again\": true}}",
        "{\"gone\": {\"build\": 1, \"run\": 1, \"again\": true}}",
    ] {
        assert_eq!(parse(text), BTreeMap::new(), "{text}");
    }
}

#[test]
fn an_estimate_is_no_more_exact_than_it_is() {
    for (seconds, words) in [
        (3, "a few seconds"),
        (44, "about 40 s"),
        (90, "about 2 min"),
        (890, "about 15 min"),
    ] {
        assert_eq!(about(Duration::from_secs(seconds)), words);
    }
}

#[test]
fn every_step_is_in_the_table() {
    let steps = crate::steps::ALL.iter().chain(crate::steps::QUICK);
    for step in steps {
        assert!(
            TABLE.iter().any(|(name, _)| *name == step.name),
            "{}",
            step.name
        );
    }
}

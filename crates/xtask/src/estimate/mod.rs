//! About how long steps take: by what each took last on this machine, and where it has not run yet by what it
//! takes on another one. What has been measured of a run so far corrects what is left of it.

mod table;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::{Value, json};

use self::table::{CORES, TABLE};

/// What takes the time of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// The compiler, mostly: much less when it has built the same before.
    Build,
    /// What was built.
    Run,
}

/// Seconds that a step takes on the machine of the table.
#[derive(Clone, Copy, Debug)]
struct Known {
    build_from_nothing: f64,
    /// When nothing has changed.
    build_again: f64,
    run: f64,
}

/// Seconds that a step took last on this machine.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Taken {
    build: f64,
    run: f64,
    /// Whether it had been built before.
    again: bool,
}

/// What was expected so far, and what it took.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    expected: f64,
    taken: f64,
}

/// So many seconds that went as expected are counted before the first ones are measured, so that a step of
/// half a second says little.
const TRUST: f64 = 10.0;

impl Sums {
    fn ratio(self) -> f64 {
        (self.taken + TRUST) / (self.expected + TRUST)
    }
}

/// The estimates of one run.
#[derive(Debug)]
pub(crate) struct Estimate {
    file: PathBuf,
    /// As the run began.
    last: BTreeMap<String, Taken>,
    /// With what it measured.
    now: BTreeMap<String, Taken>,
    cores: f64,
    build: Sums,
    run: Sums,
}

impl Estimate {
    /// With what is written down in this folder.
    pub(crate) fn read(target: &Path) -> Self {
        let file = target.join("xtask-durations.json");
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        let cores = std::thread::available_parallelism().ok();
        let cores = cores.and_then(|cores| u32::try_from(cores.get()).ok());
        let cores = cores.map_or(CORES, f64::from);
        Self::new(file, parse(&text), cores)
    }

    fn new(file: PathBuf, last: BTreeMap<String, Taken>, cores: f64) -> Self {
        Self {
            file,
            now: last.clone(),
            last,
            cores,
            build: Sums::default(),
            run: Sums::default(),
        }
    }

    /// Whether none of these steps has run here.
    pub(crate) fn is_first_run<'a>(&self, steps: impl IntoIterator<Item = &'a str>) -> bool {
        steps.into_iter().all(|step| !self.last.contains_key(step))
    }

    /// How long these parts of steps take.
    pub(crate) fn left<'a>(&self, parts: impl IntoIterator<Item = (&'a str, Part)>) -> Duration {
        let seconds = parts.into_iter().map(|(step, part)| {
            let ratio = match part {
                Part::Build => self.build.ratio(),
                Part::Run => self.run.ratio(),
            };
            self.expected(step, part) * ratio
        });
        Duration::from_secs_f64(seconds.sum())
    }

    /// Learns from a step that has passed.
    pub(crate) fn passed(&mut self, step: &str, build: Duration, run: Duration) {
        for (part, took) in [(Part::Build, build), (Part::Run, run)] {
            let expected = self.expected(step, part);
            let sums = match part {
                Part::Build => &mut self.build,
                Part::Run => &mut self.run,
            };
            sums.expected += expected;
            sums.taken += took.as_secs_f64();
        }
        let taken = Taken {
            build: build.as_secs_f64(),
            run: run.as_secs_f64(),
            again: self.last.contains_key(step),
        };
        self.now.insert(step.to_owned(), taken);
    }

    /// Writes down what was measured. That it cannot be written costs the next run's estimates, and no more.
    pub(crate) fn write(&self) {
        let entry = |(step, taken): (&String, &Taken)| {
            let taken = json!({"build": taken.build, "run": taken.run, "again": taken.again});
            (step.clone(), taken)
        };
        let steps: serde_json::Map<String, Value> = self.now.iter().map(entry).collect();
        let _ = std::fs::write(&self.file, format!("{:#}\n", Value::Object(steps)));
    }

    /// Seconds, before what is known of this run.
    fn expected(&self, step: &str, part: Part) -> f64 {
        let last = self.last.get(step);
        let known = table::of(step);
        match (part, last) {
            (Part::Run, Some(last)) => last.run,
            (Part::Build, Some(last)) if last.again => last.build,
            (Part::Run, None) => known.run * self.machine(part),
            (Part::Build, None) => known.build_from_nothing * self.machine(part),
            // It was built from nothing when it was measured.
            (Part::Build, Some(last)) => (known.build_again * self.machine(part)).min(last.build),
        }
    }

    /// How many times as long as that of the table this machine takes: by what it took, or else by its cores.
    fn machine(&self, part: Part) -> f64 {
        let mut sums = Sums::default();
        for (step, last) in &self.last {
            let known = table::of(step);
            let (expected, taken) = match part {
                Part::Run => (known.run, last.run),
                Part::Build if last.again => (known.build_again, last.build),
                Part::Build => (known.build_from_nothing, last.build),
            };
            sums.expected += expected;
            sums.taken += taken;
        }
        let by_cores = match part {
            Part::Build => CORES / self.cores,
            // Most of it waits for something else than a core.
            Part::Run => 1.0,
        };
        (sums.taken + TRUST * by_cores) / (sums.expected + TRUST)
    }
}

/// What is no such file counts as none.
fn parse(text: &str) -> BTreeMap<String, Taken> {
    let Ok(Value::Object(steps)) = serde_json::from_str(text) else {
        return BTreeMap::new();
    };
    let taken = |value: &Value| {
        let seconds = |field: &str| value[field].as_f64().filter(|s| *s >= 0.0 && s.is_finite());
        Some(Taken {
            build: seconds("build")?,
            run: seconds("run")?,
            again: value["again"].as_bool()?,
        })
    };
    let known = TABLE.iter().map(|(step, _)| *step);
    known
        .filter_map(|step| Some((step.to_owned(), taken(steps.get(step)?)?)))
        .collect()
}

/// In words: no more exact than it is.
pub(crate) fn about(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..10 => "a few seconds".to_owned(),
        10..90 => format!("about {} s", (seconds + 5) / 10 * 10),
        _ => format!("about {} min", (seconds + 30) / 60),
    }
}

#[cfg(test)]
mod tests;

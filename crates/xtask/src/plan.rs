//! Which steps to run, running them, and the table at the end.

use std::time::Duration;

use crate::{
    disk,
    estimate::{Estimate, Part, about},
    steps::{self, Outcome, Step},
    tools::Toolbox,
    workspace::Workspace,
};

/// The steps to run, in order.
#[derive(Debug)]
pub(crate) struct Plan(Vec<&'static Step>);

impl Plan {
    /// Reads `--only a,b` and `--skip c`.
    pub(crate) fn parse(options: &[&str]) -> Result<Self, String> {
        let mut chosen: Vec<&Step> = steps::ALL.iter().collect();
        let mut options = options.iter();
        while let Some(option) = options.next() {
            let (option, names) = match option.split_once('=') {
                Some((option, names)) => (option, Some(names)),
                None => (*option, options.next().copied()),
            };
            let names = names.ok_or_else(|| format!("{option} needs the names of steps"))?;
            let names: Vec<&str> = names.split(',').collect();
            if let Some(unknown) = names.iter().find(|name| !is_step(name)) {
                return Err(format!(
                    "no such step: {unknown}; `cargo xtask list` has them"
                ));
            }
            match option {
                "--only" => chosen.retain(|step| names.contains(&step.name)),
                "--skip" => chosen.retain(|step| !names.contains(&step.name)),
                _ => return Err(format!("no such option: {option}\n\n{}", crate::USAGE)),
            }
        }
        Ok(Self(chosen))
    }

    /// What one runs while editing.
    pub(crate) fn quick() -> Self {
        Self(steps::QUICK.iter().collect())
    }

    /// Runs every step, even after a failure. Returns whether all passed.
    pub(crate) fn run(&self, workspace: &Workspace) -> bool {
        let mut estimate = Estimate::read(&workspace.target);
        println!("The plan:");
        for step in &self.0 {
            println!("  {:<14}{}", step.name, step.about);
        }
        println!(
            "Missing tools are installed under\n{}.",
            workspace.tools().display()
        );
        let by = if estimate.is_first_run(self.0.iter().map(|step| step.name)) {
            "by what it takes elsewhere: none of it has run here yet"
        } else {
            "by what it took last"
        };
        println!("It takes {}, {by}.", about(left(&estimate, &self.0)));
        if let Some(warning) = disk::warning(&workspace.target, self.0.len() == steps::ALL.len()) {
            println!("{warning}");
        }
        let toolbox = Toolbox::new(workspace);
        let started = Stopwatch::start();
        let mut results = Vec::new();
        for (done, step) in self.0.iter().enumerate() {
            let number = format!("{} of {}", done + 1, self.0.len());
            println!("\n=== {}: {} ({number})", step.name, step.about);
            let own = about(left(&estimate, &self.0[done..=done]));
            let all = about(left(&estimate, &self.0[done..]));
            println!("=== it takes {own}; {all} are left");
            let watch = Stopwatch::start();
            let built = step.build.map(|build| build(workspace, &toolbox));
            let building = step.build.map_or(Duration::ZERO, |_| watch.elapsed());
            let outcome = match (built, step.run) {
                (Some(Err(why)), _) => Outcome::Failed(why),
                (_, Some(run)) => {
                    if step.build.is_some() {
                        let own = estimate.left([(step.name, Part::Run)]);
                        println!("=== {}: built, and runs {}", step.name, about(own));
                    }
                    run(workspace, &toolbox)
                }
                (_, None) => Outcome::Passed,
            };
            let elapsed = watch.elapsed();
            match &outcome {
                Outcome::Passed => {
                    estimate.passed(step.name, building, elapsed.saturating_sub(building));
                    // Also for a run that is stopped half-way.
                    estimate.write();
                }
                Outcome::Nothing(why) => println!("{why}"),
                Outcome::Failed(why) => {
                    println!(
                        "{} FAILED: {}",
                        step.name,
                        why.lines().next().unwrap_or_default()
                    );
                }
            }
            results.push((step.name, outcome, elapsed));
        }
        summarize(&results, started.elapsed())
    }
}

/// How long these steps take.
fn left(estimate: &Estimate, steps: &[&Step]) -> Duration {
    estimate.left(steps.iter().flat_map(|step| {
        let name = step.name;
        [(name, Part::Build), (name, Part::Run)]
    }))
}

fn is_step(name: &str) -> bool {
    steps::ALL.iter().any(|step| step.name == name)
}

/// Prints why steps failed, which is far above by now, and the table. Returns whether no step failed.
fn summarize(results: &[(&str, Outcome, Duration)], total: Duration) -> bool {
    for (name, outcome, _) in results {
        if let Outcome::Failed(why) = outcome {
            println!("\n=== {name} FAILED: {why}");
        }
    }
    println!("\n=== summary");
    for (name, outcome, elapsed) in results {
        let result = match outcome {
            Outcome::Passed => "passed",
            Outcome::Nothing(_) => "nothing to check",
            Outcome::Failed(_) => "FAILED",
        };
        println!("{name:<14}{:>8.1} s  {result}", elapsed.as_secs_f64());
    }
    let failed: Vec<&str> = results
        .iter()
        .filter(|(_, outcome, _)| matches!(outcome, Outcome::Failed(_)))
        .map(|(name, ..)| *name)
        .collect();
    let total = total.as_secs_f64();
    if failed.is_empty() {
        println!("all {} steps are done in {total:.0} s", results.len());
        return true;
    }
    let names = failed.join(",");
    println!(
        "{} of {} steps failed: {names}",
        failed.len(),
        results.len()
    );
    if failed.iter().all(|name| is_step(name)) {
        println!("again, only these: cargo xtask test --only {names}");
    }
    false
}

/// Measures a duration.
struct Stopwatch(std::time::Instant);

impl Stopwatch {
    #[expect(
        clippy::disallowed_methods,
        reason = "there is no tokio here, and nothing that pauses time"
    )]
    fn start() -> Self {
        Self(std::time::Instant::now())
    }

    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

//! Which steps to run, running them, and the table at the end.

use std::time::Duration;

use crate::{
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

    /// Runs every step, even after a failure. Returns whether all passed.
    pub(crate) fn run(&self, workspace: &Workspace) -> bool {
        println!("The plan:");
        for step in &self.0 {
            println!("  {:<14}{}", step.name, step.about);
        }
        println!(
            "Missing tools are installed under\n{}.",
            workspace.tools().display()
        );
        let toolbox = Toolbox::new(workspace);
        let started = Stopwatch::start();
        let mut results = Vec::new();
        for step in &self.0 {
            println!("\n=== {}: {}", step.name, step.about);
            let watch = Stopwatch::start();
            let outcome = (step.run)(workspace, &toolbox);
            match &outcome {
                Outcome::Passed => {}
                Outcome::Nothing(why) => println!("{why}"),
                Outcome::Failed(why) => println!("{} FAILED: {why}", step.name),
            }
            results.push((step.name, outcome, watch.elapsed()));
        }
        summarize(&results, started.elapsed())
    }
}

fn is_step(name: &str) -> bool {
    steps::ALL.iter().any(|step| step.name == name)
}

/// Prints the table. Returns whether no step failed.
fn summarize(results: &[(&str, Outcome, Duration)], total: Duration) -> bool {
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
    } else {
        let names = failed.join(",");
        println!(
            "{} of {} steps failed: {names}",
            failed.len(),
            results.len()
        );
        println!("again, only these: cargo xtask test --only {names}");
    }
    failed.is_empty()
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

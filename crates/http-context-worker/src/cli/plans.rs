//! From the command line to what is to be done.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tracing_subscriber::filter::LevelFilter;

use http_context::ContextBuilder;

use super::{
    Cli, Command, EnqueueArgs, LogArgs, QueueUrl, RunArgs, ServeArgs, SharedArgs, WorkArgs,
};
use crate::input::JobsFrom;
use crate::job_queue::QueueAddress;
use crate::log::{self, LogLevel};
use crate::results::output::Target;
use crate::retry::RetryPolicy;
use crate::run::Plan;
use crate::run::enqueue::EnqueuePlan;

impl Cli {
    /// Begins to log as this command line says.
    pub(crate) fn install_log(&self, targets: &[String]) {
        match &self.command {
            Command::Run(args) => args.log.install(LevelFilter::WARN, targets),
            Command::Enqueue(args) => args.log.install(LevelFilter::WARN, targets),
            // Nobody waits for its summary: what becomes of jobs is logged as it happens.
            Command::Serve(args) => args.log.install(LevelFilter::INFO, targets),
        }
    }
}

impl LogArgs {
    /// Begins to log, from this level on where nothing is said; also of targets that are not of this
    /// workspace.
    pub(crate) fn install(&self, level: LevelFilter, targets: &[String]) {
        let chosen = self.log_level.clone();
        let chosen = chosen.unwrap_or_else(|| LogLevel::of_ours(level).and_of(targets, level));
        log::install(self.log_format, chosen);
    }
}

impl RunArgs {
    /// What to run.
    ///
    /// # Errors
    ///
    /// One sentence when two of the files are the same.
    pub(crate) fn plan(&self, context: ContextBuilder) -> Result<Plan, String> {
        refuse_shared_files(&[
            ("--jobs", Some(&self.jobs)),
            ("--results", Some(&self.work.results)),
            ("--rejects", self.rejects.as_ref()),
            ("--metrics-file", self.work.metrics_file.as_ref()),
        ])?;
        let queue = match &self.queue {
            None => QueueAddress::Embedded(self.state.clone()),
            Some(url) => self.shared.address(url),
        };
        let rejects = self.rejects.as_deref().map_or(Target::Stderr, target);
        let plan = Plan::run(jobs(&self.jobs)).queue(queue).rejects(rejects);
        Ok(self.work.complete(plan.context(context)))
    }
}

impl ServeArgs {
    /// What to run.
    ///
    /// # Errors
    ///
    /// One sentence when two of the files are the same.
    pub(crate) fn plan(&self, context: ContextBuilder) -> Result<Plan, String> {
        refuse_shared_files(&[
            ("--results", Some(&self.work.results)),
            ("--metrics-file", self.work.metrics_file.as_ref()),
        ])?;
        let queue = self.shared.address(&self.queue);
        Ok(self.work.complete(Plan::serve(queue).context(context)))
    }
}

impl EnqueueArgs {
    /// What to queue.
    ///
    /// # Errors
    ///
    /// One sentence when two of the files are the same.
    pub(crate) fn plan(&self) -> Result<EnqueuePlan, String> {
        refuse_shared_files(&[
            ("--jobs", Some(&self.jobs)),
            ("--rejects", self.rejects.as_ref()),
        ])?;
        Ok(EnqueuePlan {
            jobs: jobs(&self.jobs),
            rejects: self.rejects.as_deref().map_or(Target::Stderr, target),
            queue: self.queue.address(&self.queue_name, Duration::MAX),
        })
    }
}

impl SharedArgs {
    fn address(&self, url: &QueueUrl) -> QueueAddress {
        url.address(&self.queue_name, Duration::from_secs(self.takeover))
    }
}

impl WorkArgs {
    /// The plan with what these flags say.
    fn complete(&self, plan: Plan) -> Plan {
        let retry = RetryPolicy::attempts(self.max_attempts)
            .first_delay(Duration::from_secs(self.retry_delay));
        plan.results(target(&self.results))
            .concurrency(self.concurrency as usize)
            .pool(self.pool.unwrap_or(self.concurrency) as usize)
            .retry(retry)
            .max_crashes(self.max_crashes)
            .drain_timeout(Duration::from_secs(self.drain_timeout))
    }
}

/// Writing to the file that is read, or two things to one file, would destroy it.
fn refuse_shared_files(files: &[(&'static str, Option<&PathBuf>)]) -> Result<(), String> {
    let mut taken: Vec<(&str, PathBuf)> = Vec::new();
    for (flag, path) in files {
        let Some(path) = path.filter(|path| !is_dash(path)) else {
            continue;
        };
        let real = real_path(path);
        if real.exists() && !real.is_file() {
            continue;
        }
        if let Some((other, _)) = taken.iter().find(|(_, file)| *file == real) {
            return Err(format!(
                "{other} and {flag} are the same file, {}: give each its own",
                path.display()
            ));
        }
        taken.push((flag, real));
    }
    Ok(())
}

/// The path with links followed, also for a file that is not there yet.
fn real_path(path: &Path) -> PathBuf {
    if let Ok(real) = path.canonicalize() {
        return real;
    }
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    match (
        absolute.parent().map(Path::canonicalize),
        absolute.file_name(),
    ) {
        (Some(Ok(parent)), Some(name)) => parent.join(name),
        _ => absolute,
    }
}

fn is_dash(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn jobs(path: &Path) -> JobsFrom {
    if is_dash(path) {
        JobsFrom::Stdin
    } else {
        JobsFrom::File(path.to_path_buf())
    }
}

fn target(path: &Path) -> Target {
    if is_dash(path) {
        Target::Stdout
    } else {
        Target::File(path.to_path_buf())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[test]
    fn one_file_cannot_be_two_things() {
        let dir = tempfile::tempdir().unwrap();
        let jobs = dir.path().join("jobs");
        std::fs::write(&jobs, "").unwrap();
        let args = |results: PathBuf| {
            let cli = Cli::parse_from([
                "worker".as_ref(),
                "run".as_ref(),
                "--jobs".as_ref(),
                jobs.as_os_str(),
                "--results".as_ref(),
                results.as_os_str(),
            ]);
            let Command::Run(args) = cli.command else {
                panic!("another command was read");
            };
            args
        };
        let plan = |results| args(results).plan(http_context::builder());
        let error = plan(dir.path().join("./jobs")).err().unwrap();
        assert!(error.starts_with("--jobs and --results are the same file"));
        assert!(plan(dir.path().join("results")).is_ok());
        assert!(plan("-".into()).is_ok());
    }
}

//! Runs of workers, and what they leave.

use std::future::pending;
use std::path::PathBuf;

use http_context_worker::{Ended, JobsFrom, Plan, Target, Worker};
use serde_json::Value;

/// A directory with the files of one run.
pub(crate) struct Files(tempfile::TempDir);

impl Files {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// To work off these lines.
    pub(crate) fn plan(&self, lines: &[Value]) -> Plan {
        let lines: Vec<String> = lines.iter().map(Value::to_string).collect();
        std::fs::write(self.path("jobs"), lines.join("\n")).unwrap();
        let plan = Plan::run(JobsFrom::File(self.path("jobs")));
        plan.results(Target::File(self.path("results")))
            .rejects(Target::File(self.path("rejects")))
    }

    /// The lines of a file, sorted by the job's id.
    pub(crate) fn json(&self, name: &str) -> Vec<Value> {
        let text = std::fs::read_to_string(self.path(name)).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
        let mut lines: Vec<Value> = lines.collect();
        lines.sort_by_key(|line| line["id"].to_string());
        lines
    }

    /// Works the lines off, to their end.
    pub(crate) async fn run(&self, worker: &Worker, lines: &[Value]) -> Ended {
        worker.run(self.plan(lines), pending()).await.unwrap()
    }
}

//! The queues, each with its server where it has one, and what fills them.

use std::process::Child;

use http_context_worker::JobQueue;
use serde_json::json;

use crate::servers;

/// Where jobs wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `SQLite`, thrown away at the end.
    Embedded,
    /// `SQLite`, that survives a crash.
    State,
    Redis,
    Postgres,
}

/// A queue that may be used, in a folder of its own.
pub(crate) struct Queue {
    kind: Kind,
    folder: tempfile::TempDir,
    server: Option<(Child, String)>,
}

impl Queue {
    pub(crate) fn start(kind: Kind) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = match kind {
            Kind::Redis => Some(servers::redis(folder.path(), &[])),
            Kind::Postgres => Some(servers::postgres(folder.path(), &[])),
            Kind::Embedded | Kind::State => None,
        };
        Self {
            kind,
            folder,
            server,
        }
    }

    /// How a process is told of it. A queue that is embedded is another one for each process.
    pub(crate) fn name(&self, process: usize) -> String {
        match (&self.server, self.kind) {
            (Some((_, url)), _) => url.clone(),
            (None, Kind::Embedded) => "embedded".to_owned(),
            (None, _) => {
                let state = self.folder.path().join(format!("state-{process}"));
                state.display().to_string()
            }
        }
    }

    pub(crate) fn is_shared(&self) -> bool {
        self.server.is_some()
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        if let Some((server, _)) = &mut self.server {
            let _ = server.kill();
            let _ = server.wait();
        }
    }
}

/// Fills a queue.
pub(crate) async fn fill(queue: &JobQueue, jobs: u64, url: &str) {
    let job = json!({"url": url});
    let ids: Vec<String> = (0..jobs).map(|number| format!("job-{number}")).collect();
    let jobs = ids.iter().map(|id| (id.as_str(), &job));
    assert!(queue.enqueue_all(jobs).await.unwrap().is_empty());
}

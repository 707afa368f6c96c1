//! The queues, each with its server where it has one.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use http_context_worker::{JobQueue, QueueAddress, RedisAddress};
use serde_json::json;

/// Where jobs wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `SQLite`, thrown away at the end.
    Embedded,
    /// `SQLite`, that survives a crash.
    State,
    Redis,
}

/// A queue that may be used, in a folder of its own.
pub(crate) struct Queue {
    pub(crate) kind: Kind,
    pub(crate) folder: tempfile::TempDir,
    server: Option<(Child, String)>,
}

impl Queue {
    pub(crate) fn start(kind: Kind) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = (kind == Kind::Redis).then(|| redis(folder.path()));
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
        self.kind == Kind::Redis
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

fn redis(folder: &Path) -> (Child, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let mut server = Command::new("redis-server")
        .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
        .args(["--save", "", "--appendonly", "no"])
        .current_dir(folder)
        .stdout(Stdio::piped())
        .spawn()
        .expect("redis-server is on the search path");
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("eady to accept connections")));
    std::thread::spawn(move || lines.for_each(drop));
    (server, format!("redis://127.0.0.1:{port}"))
}

/// The address of a queue of this name.
pub(crate) fn address(name: &str) -> QueueAddress {
    match name {
        "embedded" => QueueAddress::Embedded(None),
        name if name.starts_with('/') => QueueAddress::Embedded(Some(name.into())),
        name => QueueAddress::Redis(RedisAddress {
            url: name.parse().unwrap(),
            name: "jobs".to_owned(),
            takeover: std::time::Duration::from_mins(1),
        }),
    }
}

/// Fills a queue.
pub(crate) async fn fill(queue: &JobQueue, jobs: u64, url: &str) {
    let job = json!({"url": url});
    let ids: Vec<String> = (0..jobs).map(|number| format!("job-{number}")).collect();
    let jobs = ids.iter().map(|id| (id.as_str(), &job));
    assert!(queue.enqueue_all(jobs).await.unwrap().is_empty());
}

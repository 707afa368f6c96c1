//! The queues, each with its server where it has one.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use http_context_worker::{JobQueue, PostgresAddress, QueueAddress, RedisAddress};
use serde_json::json;

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
    pub(crate) kind: Kind,
    pub(crate) folder: tempfile::TempDir,
    server: Option<(Child, String)>,
}

impl Queue {
    pub(crate) fn start(kind: Kind) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = match kind {
            Kind::Redis => Some(redis(folder.path())),
            Kind::Postgres => Some(postgres(folder.path())),
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

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn redis(folder: &Path) -> (Child, String) {
    let port = free_port();
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

/// With its defaults, but for commits that wait for no disk, as with the others.
fn postgres(folder: &Path) -> (Child, String) {
    if is_root() {
        std::os::unix::fs::chown(folder, Some(NOBODY), Some(NOBODY)).unwrap();
    }
    let data = folder.join("data");
    let made = unprivileged("initdb")
        .args([
            "--no-sync",
            "--username=postgres",
            "--auth=trust",
            "--encoding=UTF8",
        ])
        .args(["--locale=C", "-D"])
        .arg(&data)
        .output();
    assert!(made.expect("initdb is on the search path").status.success());
    let port = free_port();
    let mut server = unprivileged("postgres")
        .arg("-D")
        .arg(&data)
        .args(["-p", &port.to_string(), "-c", "listen_addresses=127.0.0.1"])
        .args([
            "-c",
            "unix_socket_directories=",
            "-c",
            "synchronous_commit=off",
        ])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(server.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("ready to accept")));
    std::thread::spawn(move || lines.for_each(drop));
    (
        server,
        format!("postgres://postgres@127.0.0.1:{port}/postgres"),
    )
}

/// A user whom every system has.
const NOBODY: u32 = 65534;

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A program of PostgreSQL, whose server does not run as root.
fn unprivileged(program: &str) -> Command {
    use std::os::unix::process::CommandExt as _;
    let mut command = Command::new(program);
    command
        .current_dir("/")
        .env("LC_ALL", "C")
        .stdin(Stdio::null());
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

/// The address of a queue of this name.
pub(crate) fn address(name: &str) -> QueueAddress {
    match name {
        "embedded" => QueueAddress::Embedded(None),
        name if name.starts_with('/') => QueueAddress::Embedded(Some(name.into())),
        name if name.starts_with("postgres:") => QueueAddress::Postgres(PostgresAddress {
            url: name.parse().unwrap(),
            name: "jobs".to_owned(),
            takeover: Duration::from_mins(1),
        }),
        name => QueueAddress::Redis(RedisAddress {
            url: name.parse().unwrap(),
            name: "jobs".to_owned(),
            takeover: Duration::from_mins(1),
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

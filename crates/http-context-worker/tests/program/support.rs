//! Running the binary, and servers for it to talk to.

mod gate;

use std::fmt::Write as _;
use std::io::Read;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use http_context_worker::program::upstream::{Seen, Upstream};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::Value;
use tokio::time::Instant;

pub(crate) use gate::{Arrival, Gate};

/// Longer than anything here may take: a test that waits for it has failed.
pub(crate) const LIMIT: Duration = Duration::from_mins(1);

/// A directory with the files of one run.
pub(crate) struct Files {
    dir: tempfile::TempDir,
}

impl Files {
    pub(crate) fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// `run` from the file `jobs` to the file `results`, with these flags and files beside them.
    pub(crate) fn command(&self, also: &[(&str, &str)]) -> Command {
        self.command_of(worker(), also)
    }

    /// The same of another program.
    pub(crate) fn command_of(&self, mut command: Command, also: &[(&str, &str)]) -> Command {
        command.args(["run", "--jobs"]).arg(self.path("jobs"));
        command.arg("--results").arg(self.path("results"));
        for (flag, name) in also {
            command.arg(flag).arg(self.path(name));
        }
        command
    }

    /// The same to the end, with a summary.
    pub(crate) fn run(&self, also: &[(&str, &str)]) -> Finished {
        finish(self.command(also).arg("--json"))
    }

    /// The lines of a file, each of which must be whole and JSON.
    pub(crate) fn json(&self, name: &str) -> Vec<Value> {
        json_lines(&self.read(name))
    }

    /// The jobs that have a result, sorted.
    pub(crate) fn result_ids(&self) -> Vec<String> {
        let lines = self.json("results");
        let ids = lines.iter().map(|line| line["id"].as_str().unwrap());
        let mut ids: Vec<_> = ids.map(str::to_owned).collect();
        ids.sort();
        ids
    }
}

/// Lines of JSON, the last one with its line end.
pub(crate) fn json_lines(text: &str) -> Vec<Value> {
    assert!(
        text.is_empty() || text.ends_with('\n'),
        "a torn line: {text:?}"
    );
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line:?}")))
        .collect()
}

/// A file with one JSON object a line.
pub(crate) fn to_lines(objects: impl IntoIterator<Item = Value>) -> String {
    objects
        .into_iter()
        .fold(String::new(), |mut lines, object| {
            let _ = writeln!(lines, "{object}");
            lines
        })
}

/// A file of jobs from ids and URLs.
pub(crate) fn job_lines(jobs: impl IntoIterator<Item = (String, String)>) -> String {
    to_lines(
        jobs.into_iter()
            .map(|(id, url)| serde_json::json!({"id": id, "url": url})),
    )
}

/// What a run left.
pub(crate) struct Finished {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Finished {
    pub(crate) fn code(&self) -> i32 {
        self.status.code().unwrap_or(-1)
    }

    /// The summary object, which must be the last line of standard output.
    pub(crate) fn summary(&self) -> Value {
        let last = self.stdout.lines().last().unwrap_or_default();
        serde_json::from_str(last).unwrap_or_else(|error| {
            panic!("{error}\nstdout: {}\nstderr: {}", self.stdout, self.stderr)
        })
    }

    /// The one sentence of a run that was refused.
    pub(crate) fn refusal(&self) -> &str {
        assert_eq!(self.code(), 2, "{}", self.stderr);
        assert_eq!(self.stdout, "");
        self.stderr.trim_end()
    }
}

pub(crate) fn worker() -> Command {
    program(env!("CARGO_BIN_EXE_http-context-worker"))
}

/// A worker, whatever its jobs.
pub(crate) fn program(path: &str) -> Command {
    let mut command = Command::new(path);
    // The surroundings of the test must not lead requests elsewhere.
    for name in [
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "no_proxy",
        "NO_PROXY",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
    ] {
        command.env_remove(name);
    }
    // Nor telemetry.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("OTEL_") {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null());
    command
}

/// `run` with these arguments, paths and all.
pub(crate) fn run_command(args: &[&dyn AsRef<std::ffi::OsStr>]) -> Command {
    let mut command = worker();
    command.arg("run");
    for arg in args {
        command.arg(arg.as_ref());
    }
    command
}

/// Runs to the end.
pub(crate) fn finish(command: &mut Command) -> Finished {
    let output = command.output().unwrap();
    Finished {
        status: output.status,
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A run that goes on while the test does something. Killed when the test ends.
pub(crate) struct Running(pub(crate) Child, String);

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        Self(
            command
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap(),
            String::new(),
        )
    }

    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .arg(format!("-{name}"))
            .arg(self.0.id().to_string())
            .status()
            .unwrap();
        assert!(sent.success());
    }

    /// Sends a signal, and waits until the program says that it was heard: from then on no job
    /// begins.
    pub(crate) fn signal_heard(&mut self, name: &str) {
        self.signal(name);
        self.read_stderr_until("ends at once\n");
    }

    /// Waits until standard error has said that, since it was last waited for.
    pub(crate) fn read_stderr_until(&mut self, text: &str) {
        let stderr = self.0.stderr.as_mut().unwrap();
        let (mut byte, begun) = ([0], Instant::now());
        while !self.1.ends_with(text) {
            let left = Timespec::try_from(LIMIT.saturating_sub(begun.elapsed())).unwrap();
            let mut readable = [PollFd::new(&*stderr, PollFlags::IN)];
            let is_there = poll(&mut readable, Some(&left)).unwrap() > 0;
            assert!(is_there, "{text:?} is not said: {}", self.1);
            let read = stderr.read_exact(&mut byte);
            read.unwrap_or_else(|error| panic!("{error}: {}", self.1));
            self.1.push(char::from(byte[0]));
        }
    }

    pub(crate) fn wait(mut self) -> Finished {
        let (mut stdout, mut stderr) = (String::new(), std::mem::take(&mut self.1));
        self.0
            .stdout
            .take()
            .unwrap()
            .read_to_string(&mut stdout)
            .unwrap();
        self.0
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut stderr)
            .unwrap();
        Finished {
            status: self.0.wait().unwrap(),
            stdout,
            stderr,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The demo's servers, for tests without async code.
pub(crate) struct Server {
    runtime: tokio::runtime::Runtime,
    upstream: Upstream,
}

impl Server {
    pub(crate) fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let upstream = runtime.block_on(Upstream::start()).unwrap();
        Self { runtime, upstream }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.upstream.plain_url())
    }

    pub(crate) fn seen(&self) -> Seen {
        self.upstream.seen()
    }

    /// Waits until every connection has ended.
    pub(crate) fn all_closed(&self) {
        let open = self.runtime.block_on(self.upstream.closed_within(LIMIT));
        assert_eq!(open, 0);
    }
}

/// An address where nobody listens: each request fails at once.
pub(crate) fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}/", listener.local_addr().unwrap())
}

/// The figure of a process in kilobytes, such as `VmHWM`.
pub(crate) fn memory_kb(pid: u32, name: &str) -> u64 {
    let status = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("status"));
    status
        .unwrap()
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
        .and_then(|rest| rest.trim().strip_suffix(" kB")?.parse().ok())
        .unwrap()
}

/// Looks again and again until it is so; for what gives no signal.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !is_so() {
        assert!(Instant::now() < deadline, "in vain: {what}");
        pause(Duration::from_millis(20));
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "what is waited for gives no signal, and no task is blocked here"
)]
pub(crate) fn pause(duration: Duration) {
    std::thread::sleep(duration);
}

//! The shared queue, in a real Redis: what several processes make of it.

mod control;
pub(crate) mod crash;
mod failover;
mod input;
mod outage;
mod parity;
mod poison;
mod refusals;
mod scheduled;
mod scripts;
mod share;
mod tls;
mod usage;

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use http_context_worker::RedisAddress;
use redis::Commands as _;

use crate::support::{Files, Finished, Running, finish, json_lines, until, worker};

/// A Redis of its own, on a free port. Killed when the test ends.
struct RedisServer {
    process: Child,
    port: u16,
    dir: tempfile::TempDir,
}

impl RedisServer {
    fn start() -> Self {
        Self::start_with(launch)
    }

    fn start_with(launch: impl FnOnce(u16, &Path) -> Child) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let process = launch(port, dir.path());
        Self { process, port, dir }
    }

    /// Ends it, as a service manager would: it keeps its data.
    fn stop(&mut self) {
        let asked = self.signal("TERM");
        assert!(asked && self.process.wait().unwrap().success());
    }

    fn start_again(&mut self) {
        self.process = launch(self.port, self.dir.path());
    }

    fn signal(&self, name: &str) -> bool {
        let mut kill = Command::new("kill");
        kill.arg(format!("-{name}"))
            .arg(self.process.id().to_string());
        kill.status().unwrap().success()
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    fn address(&self) -> RedisAddress {
        RedisAddress {
            url: self.url().parse().unwrap(),
            name: "http-context".to_owned(),
            takeover: Duration::from_secs(15),
        }
    }

    fn connect(&self) -> redis::Connection {
        let client = redis::Client::open(self.url()).unwrap();
        client.get_connection().unwrap()
    }

    fn set(&self, name: &str, value: &str) {
        let mut command = redis::cmd("CONFIG");
        let command = command.arg("SET").arg(name).arg(value);
        let () = command.query(&mut self.connect()).unwrap();
    }

    /// Changes what everybody may do.
    fn acl(&self, rule: &str) {
        let mut command = redis::cmd("ACL");
        let command = command.arg("SETUSER").arg("default").arg(rule);
        let () = command.query(&mut self.connect()).unwrap();
    }

    /// Makes it the replica of what listens at a port, or a master.
    fn replicate(&self, master: Option<u16>) {
        let mut command = redis::cmd("REPLICAOF");
        match master {
            Some(port) => command.arg("127.0.0.1").arg(port),
            None => command.arg("NO").arg("ONE"),
        };
        let () = command.query(&mut self.connect()).unwrap();
    }

    fn info(&self, section: &str) -> String {
        let mut command = redis::cmd("INFO");
        command.arg(section).query(&mut self.connect()).unwrap()
    }

    /// Jobs that are not finished.
    fn unfinished(&self) -> usize {
        self.connect().hlen("http-context:data").unwrap()
    }

    /// Waits until every job is finished, for as long as some are.
    fn until_empty(&self) {
        let mut left = self.unfinished();
        while left > 0 {
            let before = left;
            until("fewer jobs are left", || {
                left = self.unfinished();
                left < before
            });
        }
    }

    /// What finished jobs and workers that ended leave: no job, no worker, nothing handed out.
    fn assert_tidy(&self) {
        let keys: Vec<String> = self.connect().keys("http-context:*").unwrap();
        let left = ["data", "active", "retry", "meta", "inflight", "workers"];
        for key in keys {
            let name = key.split(':').nth(1).unwrap();
            assert!(!left.contains(&name), "{key} was left");
        }
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn launch(port: u16, dir: &Path) -> Child {
    launch_with(
        Command::new("redis-server").args(["--port", &port.to_string()]),
        dir,
    )
}

/// Starts it and waits until it says that it is ready. What was acknowledged survives a restart.
fn launch_with(command: &mut Command, dir: &Path) -> Child {
    let mut process = command
        .args(["--bind", "127.0.0.1"])
        .args(["--save", "", "--appendonly", "yes", "--appendfsync", "no"])
        .arg("--dir")
        .arg(dir)
        .stdout(Stdio::piped())
        .spawn()
        .expect("redis-server is on the search path: `cargo xtask test` installs it");
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let is_ready = lines.any(|line| line.unwrap().contains("Ready to accept connections"));
    assert!(is_ready, "redis-server ended");
    // It must not meet a closed pipe.
    std::thread::spawn(move || lines.for_each(drop));
    process
}

/// `enqueue`, to the end.
fn enqueue(redis: &RedisServer, jobs: &Path, more: &[&str]) -> Finished {
    enqueue_at(&redis.url(), jobs, more)
}

fn enqueue_at(url: &str, jobs: &Path, more: &[&str]) -> Finished {
    enqueue_by(worker(), url, jobs, more)
}

fn enqueue_by(mut command: Command, url: &str, jobs: &Path, more: &[&str]) -> Finished {
    command.arg("enqueue").arg("--queue").arg(url);
    finish(command.arg("--jobs").arg(jobs).args(more))
}

/// `serve`, not started yet.
fn serve_command(redis: &RedisServer, results: &Path, more: &[&str]) -> Command {
    serve_command_at(&redis.url(), results, more)
}

fn serve_command_at(url: &str, results: &Path, more: &[&str]) -> Command {
    serve_command_of(worker(), url, results, more)
}

fn serve_command_of(mut command: Command, url: &str, results: &Path, more: &[&str]) -> Command {
    command.args(["serve", "--json", "--queue"]).arg(url);
    command.arg("--results").arg(results).args(more);
    command
}

fn serve(redis: &RedisServer, results: &Path, more: &[&str]) -> Running {
    Running::start(&mut serve_command(redis, results, more))
}

fn serve_at(url: &str, results: &Path, more: &[&str]) -> Running {
    Running::start(&mut serve_command_at(url, results, more))
}

/// How often each id stands in the results, over all files. Each line must be whole.
fn counted(files: &Files, names: &[String]) -> HashMap<String, usize> {
    let mut count = HashMap::new();
    for name in names {
        for line in json_lines(&files.read(name)) {
            let id = line["id"].as_str().unwrap().to_owned();
            *count.entry(id).or_default() += 1;
        }
    }
    count
}

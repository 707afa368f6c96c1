//! The queue in a real Redis: the server, and what is its own.

mod failover;
mod refusals;
mod scripts;
mod tls;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use http_context_worker::{QueueAddress, RedisAddress};
use redis::Commands as _;

use crate::queues::{SharedServer, enqueue, free_port, serve};
use crate::support::{Files, Gate, job_lines};

/// A Redis of its own.
pub(crate) struct RedisServer {
    process: Child,
    port: u16,
    dir: tempfile::TempDir,
}

impl RedisServer {
    fn start_with(launch: impl FnOnce(u16, &Path) -> Child) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let port = free_port();
        let process = launch(port, dir.path());
        Self { process, port, dir }
    }

    pub(crate) fn connect(&self) -> redis::Connection {
        let client = redis::Client::open(self.url()).unwrap();
        client.get_connection().unwrap()
    }

    pub(crate) fn set(&self, name: &str, value: &str) {
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
    pub(crate) fn replicate(&self, master: Option<u16>) {
        let mut command = redis::cmd("REPLICAOF");
        match master {
            Some(port) => command.arg("127.0.0.1").arg(port),
            None => command.arg("NO").arg("ONE"),
        };
        let () = command.query(&mut self.connect()).unwrap();
    }

    pub(crate) fn info(&self, section: &str) -> String {
        let mut command = redis::cmd("INFO");
        command.arg(section).query(&mut self.connect()).unwrap()
    }
}

impl SharedServer for RedisServer {
    const OPEN: &str = "";
    const COUNTS: &str = "HLEN";
    const WRONG: [&str; 2] = ["", ":hunter2@"];
    const RIGHT: &str = ":right@";

    fn start() -> Self {
        Self::start_with(launch)
    }

    fn url_with(credentials: &str, port: u16) -> String {
        format!("redis://{credentials}127.0.0.1:{port}")
    }

    fn port(&self) -> u16 {
        self.port
    }

    fn address(&self, name: &str) -> QueueAddress {
        QueueAddress::Redis(RedisAddress {
            url: self.url().parse().unwrap(),
            name: name.to_owned(),
            takeover: Duration::from_secs(15),
        })
    }

    fn stop(&mut self) {
        self.signal("TERM");
        assert!(self.process.wait().unwrap().success());
    }

    fn start_again(&mut self) {
        self.process = launch(self.port, self.dir.path());
    }

    fn signal(&self, name: &str) {
        let mut kill = Command::new("kill");
        kill.arg(format!("-{name}"))
            .arg(self.process.id().to_string());
        assert!(kill.status().unwrap().success());
    }

    fn unfinished(&self) -> usize {
        self.connect().hlen("http-context:data").unwrap()
    }

    fn delayed(&self) -> usize {
        self.connect().zcard("http-context:retry").unwrap()
    }

    fn ids(&self) -> Vec<String> {
        let mut ids: Vec<String> = self.connect().hkeys("http-context:ids").unwrap();
        ids.sort();
        ids
    }

    fn empty(&self) {
        let () = redis::cmd("FLUSHALL").query(&mut self.connect()).unwrap();
    }

    fn forget_what_is_in_hand(&self) {
        let mut connection = self.connect();
        let hands: Vec<String> = connection.keys("http-context:inflight:*").unwrap();
        for hand in hands {
            let jobs: Vec<String> = connection.smembers(&hand).unwrap();
            let () = connection.srem(&hand, &jobs).unwrap();
            let () = connection.lpush("http-context:active", &jobs).unwrap();
        }
    }

    fn forget_rejects(&self) {
        let mut connection = self.connect();
        let recorded: Vec<String> = connection.keys("http-context:rejects:*").unwrap();
        let () = connection.del(&recorded).unwrap();
    }

    fn spoil_the_job(&self) {
        let mut connection = self.connect();
        let data: Vec<String> = connection.hkeys("http-context:data").unwrap();
        let () = connection.hset("http-context:data", &data[0], "{").unwrap();
    }

    fn asked(&self) -> usize {
        let commands = self.info("commandstats");
        let calls = commands
            .lines()
            .find_map(|line| line.strip_prefix("cmdstat_evalsha:calls="));
        calls.map_or(0, |rest| rest.split(',').next().unwrap().parse().unwrap())
    }

    fn ask_for_password(&self, password: &str) {
        self.set("requirepass", password);
    }

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

#[test]
fn the_scalers_list_has_the_jobs_that_wait() {
    let (files, gate, store) = (Files::new(), Gate::start(), RedisServer::start());
    let jobs = job_lines((0..10).map(|i| (format!("job-{i}"), gate.url("/"))));
    enqueue(&store, &files.write("jobs", jobs), &[]);
    let waiting = || -> redis::RedisResult<usize> { store.connect().llen("http-context:active") };
    assert_eq!(waiting(), Ok(10));
    let worker = serve(&store, &files.path("results"), &["--concurrency", "3"]);
    let under_way = [gate.next(), gate.next(), gate.next()];
    assert_eq!(waiting(), Ok(7));
    assert_eq!(store.unfinished(), 10);
    for arrival in under_way {
        arrival.answer();
    }
    worker.signal("KILL");
}

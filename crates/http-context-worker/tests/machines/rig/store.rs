//! The store of the queue: two servers, one of which follows the other.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::network::{Machine, STORES};
use crate::process::{Process, Spec};
use crate::{Fallible, until};

/// For what a healthy server does at once.
const LIMIT: Duration = Duration::from_mins(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    Redis,
    Postgres,
}

impl Engine {
    pub(crate) fn parse(name: &str) -> Fallible<Self> {
        match name {
            "redis" => Ok(Self::Redis),
            "postgres" => Ok(Self::Postgres),
            _ => Err(format!("no such engine: {name}; there are redis and postgres").into()),
        }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Redis => "redis",
            Self::Postgres => "postgres",
        }
    }

    pub(crate) fn port(self) -> u16 {
        match self {
            Self::Redis => 6379,
            Self::Postgres => 5432,
        }
    }

    pub(crate) fn url(self, host: &str) -> String {
        match self {
            Self::Redis => format!("redis://{host}"),
            Self::Postgres => format!("postgres://postgres@{host}/postgres"),
        }
    }
}

/// See the module's documentation.
pub(crate) struct Store {
    pub(crate) engine: Engine,
    folder: PathBuf,
    pub(crate) servers: [Process; 2],
    /// Which of them takes writes.
    pub(crate) leader: usize,
    /// How often that has changed.
    pub(crate) epoch: u64,
}

impl Store {
    /// Starts both, and waits until the one follows the other.
    pub(crate) fn start(engine: Engine, folder: &Path, logs: &Path) -> Fallible<Self> {
        let specs = STORES.map(|machine| spec(engine, machine, folder, logs));
        for spec in &specs {
            let own = folder.join(spec.machine.name);
            std::fs::create_dir_all(&own)?;
            std::os::unix::fs::chown(&own, Some(65534), Some(65534))?;
        }
        let [first, second] = specs;
        if engine == Engine::Postgres {
            let data = folder.join(first.machine.name).join("data");
            let data = data.to_string_lossy().into_owned();
            let mut initdb = Spec::new(first.machine, "initdb", logs).unprivileged();
            initdb = initdb.args(["--no-sync", "--username=postgres", "--auth=trust"]);
            initdb = initdb.args(["--encoding=UTF8", "--locale=C", "-D", &data]);
            run(&initdb)?;
            let rules = "host all all all trust\nhost replication all all trust\n";
            std::fs::write(Path::new(&data).join("pg_hba.conf"), rules)?;
        }
        let servers = [first, second].map(Process::stopped);
        let mut store = Self {
            engine,
            folder: folder.to_owned(),
            servers,
            leader: 0,
            epoch: 0,
        };
        store.start_again(0)?;
        until("the leader answers", LIMIT, || Ok(store.answers(0)))?;
        store.start_again(1)?;
        until("the standby follows", LIMIT, || Ok(store.is_followed()))?;
        Ok(store)
    }

    pub(crate) fn leader_address(&self) -> String {
        let host = self.servers[self.leader].spec.machine.address();
        format!("{host}:{}", self.engine.port())
    }

    pub(crate) fn standby(&self) -> usize {
        1 - self.leader
    }

    /// Starts a server that does not run, as what it is by now. A standby that gets nothing of its leader, whose
    /// link may be cut, is not started.
    pub(crate) fn start_again(&mut self, number: usize) -> Fallible {
        if self.servers[number].runs() {
            return Ok(());
        }
        let leader = self.servers[self.leader].spec.machine.address();
        let is_standby = number != self.leader;
        let server = &mut self.servers[number];
        let own = self.folder.join(server.spec.machine.name);
        match self.engine {
            Engine::Redis => {
                let follows = server
                    .spec
                    .arguments
                    .iter()
                    .position(|argument| argument == "--replicaof");
                if let Some(follows) = follows {
                    server.spec.arguments.truncate(follows);
                }
                if is_standby {
                    server.spec.arguments.push("--replicaof".to_owned());
                    server
                        .spec
                        .arguments
                        .push(format!("{leader} {}", Engine::Redis.port()));
                }
            }
            Engine::Postgres => {
                let data = own.join("data");
                let follows = data.join("standby.signal").exists();
                if is_standby && !follows {
                    // Its history has parted from that of the leader.
                    let _ = std::fs::remove_dir_all(&data);
                    let backup = Spec::new(server.spec.machine, "timeout", Path::new("/"))
                        .unprivileged()
                        .args(["8", "pg_basebackup", "-h", &leader, "-U", "postgres"])
                        .args(["-R", "-c", "fast", "--no-sync"])
                        .args(["-D", &data.to_string_lossy()]);
                    if run(&backup).is_err() {
                        return Ok(());
                    }
                }
                let _ = std::fs::remove_file(data.join("postmaster.pid"));
            }
        }
        server.start_again()
    }

    /// What a client on the machine of a server is told.
    fn ask(&self, number: usize, questions: &[&str]) -> Fallible<String> {
        let machine = self.servers[number].spec.machine;
        let (program, arguments): (_, Vec<&str>) = match self.engine {
            Engine::Redis => ("redis-cli", vec!["-p", "6379"]),
            Engine::Postgres => (
                "psql",
                vec![
                    "-XAtq",
                    "-v",
                    "ON_ERROR_STOP=1",
                    "-h",
                    "127.0.0.1",
                    "-U",
                    "postgres",
                    "-d",
                    "postgres",
                ],
            ),
        };
        // One that is paused would keep it waiting.
        let client = Spec::new(machine, "timeout", Path::new("/"))
            .args(["5", program])
            .args(arguments);
        // What a server that was demoted keeps others from doing.
        let client = client.env("PGOPTIONS", "-c default_transaction_read_only=off");
        let mut command = client.command();
        command.stdin(std::process::Stdio::piped());
        command
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::null());
        let mut child = command.spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            use std::io::Write as _;
            for question in questions {
                let _ = writeln!(stdin, "{question}");
            }
        }
        let output = child.wait_with_output()?;
        if !output.status.success() {
            return Err(format!("{} answers nothing", machine.name).into());
        }
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    pub(crate) fn answers(&self, number: usize) -> bool {
        match self.engine {
            Engine::Redis => self.ask(number, &["PING"]).is_ok_and(|said| said == "PONG"),
            Engine::Postgres => self
                .ask(number, &["SELECT 1;"])
                .is_ok_and(|said| said == "1"),
        }
    }

    /// Whether the standby is connected, and has everything that the leader had a moment ago.
    pub(crate) fn is_followed(&self) -> bool {
        match self.engine {
            Engine::Redis => {
                let up = self.ask(self.standby(), &["INFO replication"]);
                let up = up.is_ok_and(|said| said.contains("master_link_status:up"));
                up && self
                    .ask(self.leader, &["SET rig:mark 1", "WAIT 1 2000"])
                    .is_ok_and(|said| said.ends_with('1'))
            }
            Engine::Postgres => {
                let Ok(written) = self.ask(self.leader, &["SELECT pg_current_wal_insert_lsn();"])
                else {
                    return false;
                };
                let reached = format!(
                    "SELECT pg_is_in_recovery() AND pg_last_wal_replay_lsn() >= '{written}' AND \
                     EXISTS (SELECT 1 FROM pg_stat_wal_receiver WHERE status = 'streaming');"
                );
                self.ask(self.standby(), &[&reached])
                    .is_ok_and(|said| said == "t")
            }
        }
    }

    /// Makes the standby the leader.
    pub(crate) fn promote_standby(&mut self) -> Fallible {
        self.epoch += 1;
        let standby = self.standby();
        match self.engine {
            Engine::Redis => self.ask(standby, &["REPLICAOF NO ONE"])?,
            Engine::Postgres => self.ask(standby, &["SELECT pg_promote();"])?,
        };
        self.leader = standby;
        Ok(())
    }

    /// From now on the server that was the leader takes no writes, and keeps its connections.
    pub(crate) fn demote(&self, number: usize) -> Fallible {
        match self.engine {
            Engine::Redis => {
                let leader = self.servers[self.leader].spec.machine.address();
                self.ask(number, &[&format!("REPLICAOF {leader} 6379")])?;
            }
            Engine::Postgres => {
                let set = "ALTER SYSTEM SET default_transaction_read_only = 'on';";
                self.ask(number, &[set, "SELECT pg_reload_conf();"])?;
            }
        }
        Ok(())
    }

    /// Jobs that are not finished; `None` when it does not answer.
    pub(crate) fn unfinished(&self) -> Option<u64> {
        let said = match self.engine {
            Engine::Redis => self.ask(self.leader, &["HLEN http-context:data"]),
            Engine::Postgres => self.ask(
                self.leader,
                &["SELECT count(*) FROM apalis.jobs WHERE job_type = 'http-context';"],
            ),
        };
        said.ok()?.trim_start_matches("(integer) ").parse().ok()
    }
}

fn spec(engine: Engine, machine: Machine, folder: &Path, logs: &Path) -> Spec {
    let own = folder.join(machine.name);
    match engine {
        Engine::Redis => Spec::new(machine, "redis-server", logs)
            .unprivileged()
            .args([
                "--port",
                "6379",
                "--bind",
                "0.0.0.0",
                "--protected-mode",
                "no",
            ])
            .args(["--save", "", "--appendonly", "yes", "--appendfsync", "no"])
            .args(["--repl-diskless-sync-delay", "0", "--repl-timeout", "5"])
            .args([
                "--repl-ping-replica-period",
                "1",
                "--dir",
                &own.to_string_lossy(),
            ]),
        Engine::Postgres => Spec::new(machine, "postgres", logs)
            .unprivileged()
            .args(["-D", &own.join("data").to_string_lossy(), "-p", "5432"])
            .args(["-c", "listen_addresses=*", "-c", "unix_socket_directories="])
            // What was written survives a process that is killed; no machine loses power here.
            .args([
                "-c",
                "fsync=off",
                "-c",
                "jit=off",
                "-c",
                "wal_keep_size=64",
                "-c",
                "max_wal_size=128MB",
            ])
            .args([
                "-c",
                "wal_receiver_timeout=5s",
                "-c",
                "wal_retrieve_retry_interval=200ms",
            ])
            .args(["-c", "wal_sender_timeout=5s", "-c", "shared_buffers=32MB"])
            .env("LC_ALL", "C"),
    }
}

/// Runs it to its end.
fn run(spec: &Spec) -> Fallible {
    let output = spec.command().output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{}: {said}", spec.program.display()).into())
}

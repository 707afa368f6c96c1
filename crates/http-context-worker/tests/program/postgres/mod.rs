//! The queue in a real PostgreSQL: the server, and what is its own.

mod failover;
mod first_use;
mod refusals;
mod statements;
mod tls;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use http_context_tests::nobody;
use http_context_tests::postgres::{initialize, start};
use http_context_worker::{PostgresAddress, QueueAddress};

use crate::queues::{SharedServer, free_port};

/// A server that is asked by another client than the worker's.
pub(crate) struct PostgresServer {
    process: Child,
    port: u16,
    dir: tempfile::TempDir,
}

impl PostgresServer {
    fn start_in(dir: tempfile::TempDir) -> Self {
        let port = free_port();
        let process = launch(port, dir.path());
        Self { process, port, dir }
    }

    /// With a file beside its data, and these settings.
    fn start_with(files: &[(&str, &str)], settings: &str) -> Self {
        let dir = initialized();
        for (name, content) in files {
            own_file(&dir.path().join("data").join(name), content);
        }
        let name = dir.path().join("data/postgresql.auto.conf");
        own_file(&name, settings);
        Self::start_in(dir)
    }

    /// A client that sends these statements one after another over one connection, and prints a line for each row.
    fn psql(&self, statements: &[&str]) -> Command {
        let mut psql = Command::new("psql");
        psql.args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p"]);
        psql.arg(self.port.to_string());
        psql.args(["-U", "postgres", "-d", "postgres"]);
        psql.args(statements.iter().flat_map(|statement| ["-c", statement]));
        // It goes on where a test has taken away what workers need.
        psql.env("PGPASSWORD", "right");
        psql.env(
            "PGOPTIONS",
            "-c default_transaction_read_only=off -c statement_timeout=0",
        );
        psql
    }

    /// The answer to these statements, a line for each row.
    pub(crate) fn sql(&self, statements: &str) -> String {
        let mut psql = self.psql(&[statements]);
        let output = psql.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{statements}: {said}");
        String::from_utf8(output.stdout)
            .unwrap()
            .trim_end()
            .to_owned()
    }

    pub(crate) fn number(&self, statement: &str) -> usize {
        self.sql(statement).parse().unwrap()
    }

    /// Changes a setting of the server, for all connections.
    pub(crate) fn set(&self, name: &str, value: &str) {
        self.sql(&format!("ALTER SYSTEM SET {name} = '{value}'"));
        self.reload();
    }

    /// Takes back all settings that were changed.
    fn reset(&self) {
        self.sql("ALTER SYSTEM RESET ALL");
        self.reload();
    }

    fn reload(&self) {
        assert_eq!(self.sql("SELECT pg_reload_conf()"), "t");
    }

    /// Ends all of it at once, and takes nothing down.
    fn crash(&mut self) {
        self.signal("KILL");
        self.process.wait().unwrap();
    }

    fn has_tables(&self) -> bool {
        self.sql("SELECT to_regclass('http_context_worker.format') IS NOT NULL") == "t"
    }

    /// Jobs of which this holds.
    fn count(&self, condition: &str) -> usize {
        if !self.has_tables() {
            return 0;
        }
        self.number(&format!(
            "SELECT count(*) FROM apalis.jobs WHERE {condition}"
        ))
    }
}

impl SharedServer for PostgresServer {
    const OPEN: &str = "postgres@";
    const COUNTS: &str = "SELECT count(*) FROM apalis.jobs";
    const WRONG: [&str; 2] = ["postgres@", "postgres:hunter2@"];
    const RIGHT: &str = "postgres:right@";

    fn start() -> Self {
        Self::start_in(initialized())
    }

    fn url_with(credentials: &str, port: u16) -> String {
        format!("postgres://{credentials}127.0.0.1:{port}/postgres")
    }

    fn port(&self) -> u16 {
        self.port
    }

    fn address(&self, name: &str) -> QueueAddress {
        QueueAddress::Postgres(PostgresAddress {
            url: self.url().parse().unwrap(),
            name: name.to_owned(),
            takeover: Duration::from_secs(15),
        })
    }

    fn stop(&mut self) {
        signal(self.process.id(), "INT");
        assert!(self.process.wait().unwrap().success());
    }

    fn start_again(&mut self) {
        self.process = launch(self.port, self.dir.path());
    }

    /// The first process makes all others, each with a connection or a task of its own.
    fn signal(&self, name: &str) {
        let first = self.process.id();
        signal(first, name);
        for process in children(first) {
            // One that has ended meanwhile has heard of it.
            signal(process, name);
        }
    }

    fn unfinished(&self) -> usize {
        self.count("job_type = 'http-context'")
    }

    fn delayed(&self) -> usize {
        self.count("job_type = 'http-context' AND status = 'Failed'")
    }

    fn ids(&self) -> Vec<String> {
        if !self.has_tables() {
            return Vec::new();
        }
        let ids = self.sql(
            "SELECT convert_from(id, 'UTF8') FROM http_context_worker.job_id \
             WHERE queue = 'http-context' ORDER BY id",
        );
        ids.lines().map(str::to_owned).collect()
    }

    fn empty(&self) {
        if self.has_tables() {
            self.sql(
                "TRUNCATE http_context_worker.job_id, http_context_worker.input, \
                 http_context_worker.output, http_context_worker.series, apalis.jobs",
            );
        }
    }

    fn forget_what_is_in_hand(&self) {
        self.sql(
            "UPDATE apalis.jobs SET status = 'Pending', lock_by = NULL, lock_at = NULL \
             WHERE lock_by IS NOT NULL",
        );
    }

    fn forget_rejects(&self) {
        self.sql("DELETE FROM http_context_worker.output WHERE kind = 'rejects'");
    }

    fn spoil_the_job(&self) {
        self.sql("UPDATE apalis.jobs SET job = '{'");
    }

    fn start_counting() -> Self {
        let server = Self::start_with(&[], "shared_preload_libraries = 'pg_stat_statements'\n");
        server.sql("CREATE EXTENSION pg_stat_statements");
        server
    }

    fn asked(&self) -> usize {
        self.number(
            "SELECT coalesce(sum(calls), 0) FROM pg_stat_statements \
             WHERE query NOT IN ('BEGIN', 'COMMIT') AND query !~ '^SELECT (to_regclass|count|coalesce)'",
        )
    }

    fn ask_for_password(&self, password: &str) {
        self.sql(&format!("ALTER USER postgres PASSWORD '{password}'"));
        let rule = "host all all 127.0.0.1/32 scram-sha-256\n";
        std::fs::write(self.dir.path().join("data/pg_hba.conf"), rule).unwrap();
        self.reload();
    }

    fn assert_tidy(&self) {
        assert_eq!(self.sql("SELECT id FROM apalis.jobs"), "");
        assert_eq!(self.sql("SELECT id FROM apalis.workers"), "");
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        if let Ok(None) = self.process.try_wait() {
            // A test that failed may have stopped them.
            self.signal("CONT");
            signal(self.process.id(), "QUIT");
        }
        let _ = self.process.wait();
    }
}

/// What was acknowledged survives a restart.
fn launch(port: u16, dir: &Path) -> Child {
    // Without `jit`, so that a signal finds its processes.
    start(&dir.join("data"), port, &["fsync=off", "jit=off"])
}

/// A directory of whoever the server runs as.
fn directory() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    nobody::own(dir.path());
    dir
}

/// A directory with the data of a server that is new.
fn initialized() -> tempfile::TempDir {
    let dir = directory();
    initialize(&dir.path().join("data"));
    dir
}

/// A file of whoever the server runs as, which nobody else reads.
fn own_file(path: &Path, content: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(path, content).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    nobody::own(path);
}

fn signal(process: u32, name: &str) {
    let mut kill = Command::new("kill");
    kill.arg(format!("-{name}")).arg(process.to_string());
    // What it says about a process that has ended is no news.
    kill.stderr(Stdio::null()).status().unwrap();
}

/// The processes that this one has made.
fn children(parent: u32) -> Vec<u32> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let is_child = |id: &u32| {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        // The name in parentheses may have anything in it; its state and its parent follow.
        let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        after_name.split_whitespace().nth(1) == Some(&parent.to_string())
    };
    ids.filter(is_child).collect()
}

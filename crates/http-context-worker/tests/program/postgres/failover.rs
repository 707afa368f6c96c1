//! A PostgreSQL and its standby.

use http_context_tests::postgres::program;

use super::{PostgresServer, directory};
use crate::queues::failover::{Address, Fate, Replicated};
use crate::queues::{SharedServer as _, enqueue_at, serve_at};
use crate::support::{Files, Gate, job_lines, until};

impl Replicated for PostgresServer {
    const CONNECTIONS: usize = 4;
    const DEMOTED: &str = "refuses for now: cannot execute";

    fn start_pair() -> (Self, Self) {
        let primary = Self::start();
        let dir = directory();
        let mut backup = program("pg_basebackup");
        backup.args(["-h", "127.0.0.1", "-p", &primary.port.to_string()]);
        backup.args(["-U", "postgres", "-R", "-c", "fast", "--no-sync", "-D"]);
        let made = backup.arg(dir.path().join("data")).output().unwrap();
        assert!(made.status.success(), "{made:?}");
        let standby = Self::start_in(dir);
        until("the standby is connected", || {
            primary.sql("SELECT state FROM pg_stat_replication") == "streaming"
        });
        (primary, standby)
    }

    fn wait_for_standby(&self) {
        let written = self.sql("SELECT pg_current_wal_insert_lsn()");
        until("the standby has it", || {
            let reached = format!("SELECT replay_lsn >= '{written}' FROM pg_stat_replication");
            self.sql(&reached) == "t"
        });
    }

    fn promote(&self) {
        assert_eq!(self.sql("SELECT pg_promote()"), "t");
    }

    fn demote(&self, _: u16) {
        self.set("default_transaction_read_only", "on");
    }

    fn fates() -> Vec<Fate<Self>> {
        vec![
            Fate {
                name: "it takes no writes any more and keeps its connections",
                befall: |primary, standby, _| primary.demote(standby.port),
                said: Self::DEMOTED,
                is_led_late: true,
            },
            Fate {
                name: "it ends",
                befall: |primary, _, _| primary.stop(),
                said: "does not answer",
                is_led_late: true,
            },
            Fate {
                name: "it crashes",
                befall: |primary, _, _| primary.crash(),
                said: "does not answer",
                is_led_late: true,
            },
            Fate {
                name: "its connections stay open and silent",
                befall: |_, _, address| address.fall_silent(),
                said: "does not answer",
                is_led_late: false,
            },
        ]
    }
}

/// Both of them take writes for a while, and the address leads to the new one already.
#[test]
fn a_worker_that_meets_the_new_server_leaves_the_old_one_with_all_its_connections() {
    let (files, gate) = (Files::new(), Gate::start());
    let (old, new) = PostgresServer::start_pair();
    let address = Address::of(&old);
    let url = address.url::<PostgresServer>();
    let jobs = ["a", "b"].map(|id| (id.to_owned(), gate.url("/")));
    enqueue_at(&url, &files.write("jobs", job_lines(jobs)), &[]);
    let worker = serve_at(&url, &files.path("results"), &["--concurrency", "1"]);
    let in_hand = gate.next();
    old.wait_for_standby();
    new.promote();
    address.lead_to(&new);
    let of_worker = "FROM pg_stat_activity WHERE application_name = 'http-context-worker'";
    assert!(old.number(&format!("SELECT count(*) {of_worker}")) > 1);
    // One connection breaks, as by chance. The next one is to the new server.
    old.sql(&format!(
        "SELECT pg_terminate_backend(pid) {of_worker} ORDER BY backend_start LIMIT 1"
    ));
    until("no connection is left to the old server", || {
        old.number(&format!("SELECT count(*) {of_worker}")) == 0
    });
    in_hand.answer();
    gate.next().answer();
    new.until_empty();
    worker.signal("TERM");
    assert_eq!(worker.wait().code(), 0);
    assert_eq!(files.result_ids(), ["a", "b"]);
    new.assert_tidy();
}

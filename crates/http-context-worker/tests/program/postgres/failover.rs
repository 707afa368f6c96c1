//! A PostgreSQL and its standby.

use http_context_tests::postgres::program;

use super::{PostgresServer, directory};
use crate::queues::SharedServer as _;
use crate::queues::failover::{Fate, Replicated};
use crate::support::until;

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

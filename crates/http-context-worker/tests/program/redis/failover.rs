//! A Redis and its replica.

use redis::Commands as _;

use super::RedisServer;
use crate::queues::SharedServer as _;
use crate::queues::failover::{Fate, Replicated};
use crate::support::until;

impl Replicated for RedisServer {
    const CONNECTIONS: usize = 1;
    const DEMOTED: &str = "refuses for now: READONLY";

    fn start_pair() -> (Self, Self) {
        let (master, replica) = (Self::start(), Self::start());
        for server in [&master, &replica] {
            server.set("repl-diskless-sync-delay", "0");
        }
        replica.replicate(Some(master.port));
        until("the replica is connected", || {
            replica
                .info("replication")
                .contains("master_link_status:up")
        });
        (master, replica)
    }

    fn wait_for_standby(&self) {
        let mut connection = self.connect();
        let () = connection.set("mark", 1).unwrap();
        let reached: u64 = redis::cmd("WAIT")
            .arg(1)
            .arg(0)
            .query(&mut connection)
            .unwrap();
        assert_eq!(reached, 1);
    }

    fn promote(&self) {
        self.replicate(None);
    }

    fn demote(&self, follows: u16) {
        self.replicate(Some(follows));
    }

    fn fates() -> Vec<Fate<Self>> {
        vec![
            Fate {
                name: "it is demoted and keeps its connections",
                befall: |master, replica, _| master.demote(replica.port),
                said: Self::DEMOTED,
                is_led_late: false,
            },
            Fate {
                name: "it is demoted, finds no master and serves nothing",
                befall: |master, _, _| {
                    master.set("replica-serve-stale-data", "no");
                    master.demote(1);
                },
                said: "refuses for now: MASTERDOWN",
                is_led_late: false,
            },
            Fate {
                name: "it is cut off from its replicas",
                befall: |master, _, _| master.set("min-replicas-to-write", "1"),
                said: "refuses for now: NOREPLICAS",
                is_led_late: false,
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

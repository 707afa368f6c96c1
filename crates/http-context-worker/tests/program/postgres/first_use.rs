//! Several who are the first to use a database: one of them makes the tables, under a lock.

use std::process::Stdio;

use super::PostgresServer;
use crate::queues::SharedServer as _;
use crate::support::until;

const HAS_TABLES: &str = include_str!("../../../src/queue/postgres/has_tables.sql");

const TAKE_THE_LOCK: &str = "SELECT pg_advisory_lock(7)";
const UNTIL_SOMEBODY_WAITS: &str = "DO $$ BEGIN FOR try IN 1..3000 LOOP \
     IF EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted) THEN RETURN; END IF; \
     PERFORM pg_sleep(0.01); END LOOP; RAISE 'nobody waits for the lock'; END $$";

#[test]
fn who_has_waited_for_the_tables_sees_them() {
    let server = PostgresServer::start();
    let steps = [
        TAKE_THE_LOCK,
        UNTIL_SOMEBODY_WAITS,
        "CREATE SCHEMA http_context_worker",
        "CREATE TABLE http_context_worker.format ()",
        "SELECT pg_advisory_unlock(7)",
    ];
    let mut makes = server.psql(&steps).stdout(Stdio::null()).spawn().unwrap();
    until("it has the lock", || {
        server.sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == "1"
    });
    let steps = [
        HAS_TABLES,
        "BEGIN",
        "SELECT pg_advisory_xact_lock(7)",
        HAS_TABLES,
        "COMMIT",
    ];
    let waits = server.psql(&steps).output().unwrap();
    assert!(makes.wait().unwrap().success());
    let said = String::from_utf8(waits.stdout).unwrap();
    let has_tables: Vec<&str> = said.lines().filter(|line| line.len() == 1).collect();
    assert_eq!(has_tables, ["f", "t"], "{said}");
}

//! A master that is replaced while workers are connected to it, through an address that leads to the
//! new one: a service, a DNS name, a virtual IP.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicUsize, Ordering};

use redis::Commands as _;

use super::{RedisServer, enqueue_at, serve_at};
use crate::support::{Files, Gate, job_lines, until};

/// An address that leads to one server, and to another one later. What is connected stays connected.
struct Address {
    port: u16,
    leads_to: Arc<AtomicU16>,
    opened: Arc<AtomicUsize>,
    /// Whether the connections so far carry nothing any more, without being closed.
    silent: Arc<AtomicBool>,
}

impl Address {
    fn of(server: &RedisServer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = Self {
            port: listener.local_addr().unwrap().port(),
            leads_to: Arc::new(AtomicU16::new(server.port)),
            opened: Arc::default(),
            silent: Arc::default(),
        };
        let (leads_to, opened) = (Arc::clone(&address.leads_to), Arc::clone(&address.opened));
        let silent = Arc::clone(&address.silent);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                opened.fetch_add(1, Ordering::SeqCst);
                let port = leads_to.load(Ordering::SeqCst);
                // A connection that is made after the silence is not silent.
                let silent = if silent.load(Ordering::SeqCst) {
                    Arc::default()
                } else {
                    Arc::clone(&silent)
                };
                if let Ok(server) = TcpStream::connect(("127.0.0.1", port)) {
                    carry(&client, &server, &silent);
                    carry(&server, &client, &silent);
                }
            }
        });
        address
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    fn lead_to(&self, server: &RedisServer) {
        self.leads_to.store(server.port, Ordering::SeqCst);
    }

    fn opened(&self) -> usize {
        self.opened.load(Ordering::SeqCst)
    }
}

fn carry(from: &TcpStream, to: &TcpStream, silent: &Arc<AtomicBool>) {
    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
    let silent = Arc::clone(silent);
    std::thread::spawn(move || {
        let mut chunk = [0; 4096];
        while let Ok(n @ 1..) = from.read(&mut chunk) {
            if !silent.load(Ordering::SeqCst) && to.write_all(&chunk[..n]).is_err() {
                break;
            }
        }
        let _ = from.shutdown(std::net::Shutdown::Both);
        let _ = to.shutdown(std::net::Shutdown::Both);
    });
}

/// A master, and a replica that has all of it.
fn master_and_replica() -> (RedisServer, RedisServer) {
    let (master, replica) = (RedisServer::start(), RedisServer::start());
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

/// Waits until a replica has what was written so far.
fn wait_for_replica(master: &RedisServer) {
    let mut connection = master.connect();
    let () = connection.set("mark", 1).unwrap();
    let reached: u64 = redis::cmd("WAIT")
        .arg(1)
        .arg(0)
        .query(&mut connection)
        .unwrap();
    assert_eq!(reached, 1);
}

/// What happens to the master, once the replica took over and the address leads to it.
type Fate = fn(master: &mut RedisServer, replica: &RedisServer, address: &Address);

#[test]
fn after_a_failover_the_worker_goes_on_at_the_new_master() {
    let fates: [(&str, Fate, &str); 4] = [
        (
            "it is demoted and keeps its connections",
            |master, replica, _| master.replicate(Some(replica.port)),
            "refuses for now: READONLY",
        ),
        (
            "it is demoted, finds no master and serves nothing",
            |master, _, _| {
                master.set("replica-serve-stale-data", "no");
                master.replicate(Some(1));
            },
            "refuses for now: MASTERDOWN",
        ),
        (
            "it is cut off from its replicas",
            |master, _, _| master.set("min-replicas-to-write", "1"),
            "refuses for now: NOREPLICAS",
        ),
        (
            "its connections stay open and silent",
            |_, _, address| address.silent.store(true, Ordering::SeqCst),
            "does not answer",
        ),
    ];
    for (name, befall, said) in fates {
        println!("{name}");
        let (files, gate) = (Files::new(), Gate::start());
        let (mut master, replica) = master_and_replica();
        let address = Address::of(&master);
        let jobs = (0..6).map(|i| (format!("job-{i}"), gate.url("/")));
        enqueue_at(&address.url(), &files.write("jobs", job_lines(jobs)), &[]);
        let results = files.path("results");
        let mut worker = serve_at(&address.url(), &results, &["--concurrency", "2"]);
        let in_hand = [gate.next(), gate.next()];
        wait_for_replica(&master);
        let opened = address.opened();
        replica.replicate(None);
        address.lead_to(&replica);
        befall(&mut master, &replica, &address);
        worker.read_stderr_until(said);
        for arrival in in_hand {
            arrival.answer();
        }
        for _ in 0..4 {
            gate.next().answer();
        }
        replica.until_empty();
        worker.read_stderr_until("answers again");
        assert!(address.opened() > opened);
        worker.signal("TERM");
        let done = worker.wait();
        assert_eq!(done.code(), 0, "{}", done.stderr);
        assert_eq!(files.json("results").len(), 6);
        assert_eq!(done.summary()["jobs"]["ok"], 6);
        replica.assert_tidy();
    }
}

/// What a master acknowledges and does not pass on is lost with it, as its documentation says.
#[test]
fn what_the_new_master_never_got_runs_again_and_each_result_stands_once() {
    let (files, gate) = (Files::new(), Gate::start());
    let (master, replica) = master_and_replica();
    let address = Address::of(&master);
    let jobs = (0..12).map(|i| (format!("job-{i}"), gate.url("/")));
    enqueue_at(&address.url(), &files.write("jobs", job_lines(jobs)), &[]);
    let results = files.path("results");
    let more = ["--concurrency", "3", "--takeover", "3600"];
    let mut worker = serve_at(&address.url(), &results, &more);
    let (answered, second, third) = (gate.next(), gate.next(), gate.next());
    wait_for_replica(&master);
    answered.answer();
    until("one is settled at both", || replica.unfinished() == 11);
    wait_for_replica(&master);
    replica.replicate(None);
    // Settled at the old master alone.
    second.answer();
    until("another one is settled", || master.unfinished() == 10);
    address.lead_to(&replica);
    master.replicate(Some(replica.port));
    worker.read_stderr_until("refuses for now: READONLY");
    third.answer();
    until("all are finished", || {
        while let Some(arrival) = gate.arrived() {
            arrival.answer();
        }
        replica.unfinished() == 0
    });
    worker.read_stderr_until("has forgotten what was settled last");
    worker.signal("TERM");
    let done = worker.wait();
    assert_eq!(done.code(), 0, "{}", done.stderr);
    let lines = files.json("results");
    let ids: std::collections::HashSet<_> =
        lines.iter().map(|line| line["id"].to_string()).collect();
    assert_eq!((lines.len(), ids.len()), (12, 12));
    assert_eq!(done.summary()["jobs"]["ok"], 12);
    replica.assert_tidy();
}

#[test]
fn a_wait_that_the_new_master_never_got_keeps_no_job() {
    let (files, gate) = (Files::new(), Gate::start());
    let (master, replica) = master_and_replica();
    let address = Address::of(&master);
    let jobs = ["fails", "other"].map(|id| (id.to_owned(), gate.url(&format!("/{id}"))));
    enqueue_at(&address.url(), &files.write("jobs", job_lines(jobs)), &[]);
    let more = [
        "--max-attempts",
        "2",
        "--retry-delay",
        "30",
        "--takeover",
        "3600",
    ];
    let mut worker = serve_at(&address.url(), &files.path("results"), &more);
    let mut in_hand = [gate.next(), gate.next()];
    in_hand.sort_by_key(|arrival| arrival.path().to_owned());
    let [fails, other] = in_hand;
    wait_for_replica(&master);
    replica.replicate(None);
    drop(fails);
    until("it waits for its next attempt", || {
        master.connect().zcard("http-context:retry") == Ok(1)
    });
    address.lead_to(&replica);
    master.replicate(Some(replica.port));
    worker.read_stderr_until("refuses for now: READONLY");
    other.answer();
    // For the new master it was in hand all the time, and it is given back.
    let again = gate.next();
    assert_eq!(again.path(), "/fails");
    again.answer();
    replica.until_empty();
    worker.signal("TERM");
    let done = worker.wait();
    assert_eq!(done.code(), 0, "{}", done.stderr);
    assert_eq!(files.json("results").len(), 2);
    replica.assert_tidy();
}

#[test]
fn a_server_that_stays_a_replica_is_not_flooded_with_connections() {
    let (files, gate) = (Files::new(), Gate::start());
    let (master, replica) = master_and_replica();
    let address = Address::of(&master);
    let jobs = job_lines([("a".to_owned(), gate.url("/"))]);
    enqueue_at(&address.url(), &files.write("jobs", jobs), &[]);
    let mut worker = serve_at(&address.url(), &files.path("results"), &[]);
    let in_hand = gate.next();
    wait_for_replica(&master);
    address.lead_to(&replica);
    master.replicate(Some(1));
    worker.read_stderr_until("refuses for now: READONLY");
    in_hand.answer();
    let (began, opened) = (tokio::time::Instant::now(), address.opened());
    until("it connects again", || address.opened() >= opened + 4);
    assert!(began.elapsed() >= std::time::Duration::from_millis(700));
    replica.replicate(None);
    worker.read_stderr_until("answers again");
    replica.until_empty();
    worker.signal("TERM");
    assert_eq!(worker.wait().code(), 0);
}

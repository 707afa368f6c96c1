//! A server that is replaced while workers are connected to it, through an address that leads to the
//! new one: a service, a DNS name, a virtual IP.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicUsize, Ordering};

use super::{SharedServer, enqueue_at, over_each_server, serve_at};
use crate::support::{Files, Gate, job_lines, until};

/// An address that leads to one server, and to another one later. What is connected stays connected.
pub(crate) struct Address {
    port: u16,
    leads_to: Arc<AtomicU16>,
    opened: Arc<AtomicUsize>,
    /// Whether the connections so far carry nothing any more, without being closed.
    silent: Arc<AtomicBool>,
}

impl Address {
    pub(crate) fn of(server: &impl SharedServer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = Self {
            port: listener.local_addr().unwrap().port(),
            leads_to: Arc::new(AtomicU16::new(server.port())),
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

    pub(crate) fn url<S: SharedServer>(&self) -> String {
        S::url_with(S::OPEN, self.port)
    }

    pub(crate) fn lead_to(&self, server: &impl SharedServer) {
        self.leads_to.store(server.port(), Ordering::SeqCst);
    }

    /// From now on what is connected carries nothing.
    pub(crate) fn fall_silent(&self) {
        self.silent.store(true, Ordering::SeqCst);
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

/// What befalls a server, once its standby took over.
pub(crate) struct Fate<S> {
    pub(crate) name: &'static str,
    pub(crate) befall: fn(server: &mut S, standby: &S, address: &Address),
    pub(crate) said: &'static str,
    /// Whether the address leads to the standby only once it was said.
    pub(crate) is_led_late: bool,
}

/// A server of which another one has a copy.
pub(crate) trait Replicated: SharedServer {
    /// How many connections a worker has, at most.
    const CONNECTIONS: usize;
    /// What a worker says of a server that was demoted.
    const DEMOTED: &str;

    /// A server, and a standby that has all of it.
    fn start_pair() -> (Self, Self);

    /// Waits until the standby has what was written so far.
    fn wait_for_standby(&self);

    fn promote(&self);

    /// From now on it answers and takes no writes, whether it follows what listens at this port or not.
    fn demote(&self, follows: u16);

    fn fates() -> Vec<Fate<Self>>;
}

over_each_server! {
    after_a_failover_the_worker_goes_on_at_the_new_server
    what_the_new_server_never_got_runs_again_and_each_result_stands_once
    a_wait_that_the_new_server_never_got_keeps_no_job
    a_server_that_stays_a_standby_is_not_flooded_with_connections
}

fn after_a_failover_the_worker_goes_on_at_the_new_server<S: Replicated>() {
    for fate in S::fates() {
        let (files, gate) = (Files::new(), Gate::start());
        let (mut primary, standby) = S::start_pair();
        let address = Address::of(&primary);
        let jobs = (0..6).map(|i| (format!("job-{i}"), gate.url("/")));
        enqueue_at(
            &address.url::<S>(),
            &files.write("jobs", job_lines(jobs)),
            &[],
        );
        let results = files.path("results");
        let mut worker = serve_at(&address.url::<S>(), &results, &["--concurrency", "2"]);
        let in_hand = [gate.next(), gate.next()];
        primary.wait_for_standby();
        let opened = address.opened();
        standby.promote();
        if !fate.is_led_late {
            address.lead_to(&standby);
        }
        (fate.befall)(&mut primary, &standby, &address);
        worker.read_stderr_until(fate.said);
        address.lead_to(&standby);
        for arrival in in_hand {
            arrival.answer();
        }
        for _ in 0..4 {
            gate.next().answer();
        }
        standby.until_empty();
        worker.read_stderr_until("answers again");
        assert!(address.opened() > opened);
        worker.signal("TERM");
        let done = worker.wait();
        assert_eq!(done.code(), 0, "{}: {}", fate.name, done.stderr);
        assert_eq!(files.json("results").len(), 6);
        assert_eq!(done.summary()["jobs"]["ok"], 6);
        standby.assert_tidy();
    }
}

/// What a server acknowledges and does not pass on is lost with it, as its documentation says.
fn what_the_new_server_never_got_runs_again_and_each_result_stands_once<S: Replicated>() {
    let (files, gate) = (Files::new(), Gate::start());
    let (primary, standby) = S::start_pair();
    let address = Address::of(&primary);
    let jobs = (0..12).map(|i| (format!("job-{i}"), gate.url("/")));
    enqueue_at(
        &address.url::<S>(),
        &files.write("jobs", job_lines(jobs)),
        &[],
    );
    let results = files.path("results");
    let more = ["--concurrency", "3", "--takeover", "3600"];
    let mut worker = serve_at(&address.url::<S>(), &results, &more);
    let (answered, second, third) = (gate.next(), gate.next(), gate.next());
    primary.wait_for_standby();
    answered.answer();
    until("one is settled at both", || standby.unfinished() == 11);
    primary.wait_for_standby();
    standby.promote();
    // Settled at the old server alone.
    second.answer();
    until("another one is settled", || primary.unfinished() == 10);
    primary.demote(standby.port());
    worker.read_stderr_until(S::DEMOTED);
    address.lead_to(&standby);
    third.answer();
    until("all are finished", || {
        while let Some(arrival) = gate.arrived() {
            arrival.answer();
        }
        standby.unfinished() == 0
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
    standby.assert_tidy();
}

fn a_wait_that_the_new_server_never_got_keeps_no_job<S: Replicated>() {
    let (files, gate) = (Files::new(), Gate::start());
    let (primary, standby) = S::start_pair();
    let address = Address::of(&primary);
    let jobs = ["fails", "other"].map(|id| (id.to_owned(), gate.url(&format!("/{id}"))));
    enqueue_at(
        &address.url::<S>(),
        &files.write("jobs", job_lines(jobs)),
        &[],
    );
    let more = [
        "--max-attempts",
        "2",
        "--retry-delay",
        "30",
        "--takeover",
        "3600",
    ];
    let mut worker = serve_at(&address.url::<S>(), &files.path("results"), &more);
    let mut in_hand = [gate.next(), gate.next()];
    in_hand.sort_by_key(|arrival| arrival.path().to_owned());
    let [fails, other] = in_hand;
    primary.wait_for_standby();
    standby.promote();
    drop(fails);
    until("it waits for its next attempt", || primary.delayed() == 1);
    primary.demote(standby.port());
    worker.read_stderr_until(S::DEMOTED);
    address.lead_to(&standby);
    other.answer();
    // For the new server it was in hand all the time, and it is given back.
    let again = gate.next();
    assert_eq!(again.path(), "/fails");
    again.answer();
    standby.until_empty();
    worker.signal("TERM");
    let done = worker.wait();
    assert_eq!(done.code(), 0, "{}", done.stderr);
    assert_eq!(files.json("results").len(), 2);
    standby.assert_tidy();
}

fn a_server_that_stays_a_standby_is_not_flooded_with_connections<S: Replicated>() {
    let (files, gate) = (Files::new(), Gate::start());
    let (primary, standby) = S::start_pair();
    let address = Address::of(&primary);
    let jobs = job_lines([("a".to_owned(), gate.url("/"))]);
    enqueue_at(&address.url::<S>(), &files.write("jobs", jobs), &[]);
    let mut worker = serve_at(&address.url::<S>(), &files.path("results"), &[]);
    let in_hand = gate.next();
    primary.wait_for_standby();
    primary.demote(1);
    worker.read_stderr_until(S::DEMOTED);
    address.lead_to(&standby);
    in_hand.answer();
    let (began, opened) = (tokio::time::Instant::now(), address.opened());
    until("it connects again", || {
        address.opened() > opened + 3 * S::CONNECTIONS
    });
    assert!(began.elapsed() >= std::time::Duration::from_millis(700));
    standby.promote();
    worker.read_stderr_until("answers again");
    standby.until_empty();
    worker.signal("TERM");
    assert_eq!(worker.wait().code(), 0);
}

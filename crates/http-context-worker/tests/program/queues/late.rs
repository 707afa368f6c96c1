//! What a worker has sent that was killed, and that is still on its way.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Stdio;
use std::sync::{Arc, Condvar, Mutex};

use redis::Commands as _;

use super::{SharedServer, enqueue, serve, serve_at};
use crate::redis::RedisServer;
use crate::support::{Files, Gate, Running, job_lines, until, worker};

/// An address that leads to a server, on whose way everything can be held up.
struct Road {
    port: u16,
    held: Arc<Held>,
}

#[derive(Default)]
struct Held {
    state: Mutex<Load>,
    released: Condvar,
}

#[derive(Default)]
struct Load {
    is_held: bool,
    /// From what has this in it on, everything is held up.
    held_from: Option<Vec<u8>>,
    kept: Vec<u8>,
    /// Connections that were made, and those of them that the server has closed.
    made: usize,
    closed: usize,
}

impl Road {
    fn to(server: &impl SharedServer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, leads_to) = (listener.local_addr().unwrap().port(), server.port());
        let held = Arc::<Held>::default();
        let shared = Arc::clone(&held);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let server = TcpStream::connect(("127.0.0.1", leads_to)).unwrap();
                let held = Arc::clone(&shared);
                held.state.lock().unwrap().made += 1;
                let (from, to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
                let of_way_back = Arc::clone(&shared);
                std::thread::spawn(move || {
                    carry_back(from, to);
                    of_way_back.state.lock().unwrap().closed += 1;
                });
                std::thread::spawn(move || held.carry(client, server));
            }
        });
        Self { port, held }
    }

    fn hold_up(&self) {
        self.held.state.lock().unwrap().is_held = true;
    }

    /// From what has this text in it on.
    fn hold_up_from(&self, text: &str) {
        self.held.state.lock().unwrap().held_from = Some(text.into());
    }

    /// Whether this is among what is held up.
    fn holds(&self, text: &str) -> bool {
        has(&self.held.state.lock().unwrap().kept, text.as_bytes())
    }

    fn release(&self) {
        let mut state = self.held.state.lock().unwrap();
        (state.is_held, state.held_from) = (false, None);
        self.held.released.notify_all();
    }

    /// Whether the server has done all that came on this way, whose clients are gone.
    fn is_empty(&self) -> bool {
        let state = self.held.state.lock().unwrap();
        state.closed == state.made
    }
}

impl Held {
    /// What is held up arrives also where its sender is gone by then.
    fn carry(&self, mut client: TcpStream, mut server: TcpStream) {
        let (mut chunk, mut kept) = ([0; 4096], Vec::new());
        while let Ok(n @ 1..) = client.read(&mut chunk) {
            kept.extend_from_slice(&chunk[..n]);
            let mut state = self.state.lock().unwrap();
            let from = state.held_from.as_deref();
            state.is_held |= from.is_some_and(|from| has(&kept, from));
            if state.is_held {
                state.kept.extend_from_slice(&chunk[..n]);
            } else {
                server.write_all(&kept).unwrap();
                kept.clear();
            }
        }
        let state = self.state.lock().unwrap();
        drop(self.released.wait_while(state, |state| state.is_held));
        let _ = server.write_all(&kept);
        let _ = server.shutdown(Shutdown::Write);
    }
}

fn has(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// A client that is gone ends nothing.
fn carry_back(mut server: TcpStream, mut client: TcpStream) {
    let mut chunk = [0; 4096];
    while let Ok(n @ 1..) = server.read(&mut chunk) {
        let _ = client.write_all(&chunk[..n]);
    }
    let _ = client.shutdown(Shutdown::Both);
}

/// Over PostgreSQL it is the statement alone that is tested: which of its connections knows it is up to the pool.
#[test]
fn a_settlement_of_a_worker_that_was_killed_counts_no_lines_that_the_next_one_has_cut_off() {
    let (files, gate, store) = (Files::new(), Gate::start(), RedisServer::start());
    let road = Road::to(&store);
    let jobs = ["first", "second"].map(|id| (id.to_owned(), gate.url("/")));
    enqueue(&store, &files.write("jobs", job_lines(jobs)), &[]);
    let results = files.path("results");
    let more = ["--takeover", "5", "--concurrency", "1"];
    let address = RedisServer::url_with(RedisServer::OPEN, road.port);
    let worker = serve_at(&address, &results, &more);
    // With it the server gets to know the script.
    gate.next().answer();
    let in_hand = gate.next();
    let settled = files.read("results");
    road.hold_up();
    in_hand.answer();
    let name = results.to_str().unwrap();
    until("it is being settled", || road.holds(name));
    assert_eq!(files.json("results").len(), 2);
    worker.signal("KILL");
    drop(worker.wait());
    let worker = serve(&store, &results, &more);
    until("the line is cut off", || files.read("results") == settled);
    road.release();
    // It is in nobody's hands any more, and runs again.
    gate.next().answer();
    store.until_empty();
    worker.signal("TERM");
    assert_eq!(worker.wait().code(), 0);
    assert_eq!(files.json("results").len(), 2);
    store.assert_tidy();
}

#[test]
fn a_batch_of_a_reader_that_was_killed_counts_no_rejects_that_the_next_one_has_cut_off() {
    let (files, store) = (Files::new(), RedisServer::start());
    let road = Road::to(&store);
    let rejects = files.path("rejects");
    let name = rejects.to_str().unwrap();
    let read_at = |address: &str| {
        let mut reader = worker();
        reader.args(["enqueue", "--queue", address, "--rejects", name]);
        Running::start(reader.args(["--jobs", "-"]).stdin(Stdio::piped()))
    };
    let write = |reader: &Running, id: &str| {
        let lines = job_lines([(id.to_owned(), "http://127.0.0.1:9/".to_owned())]);
        let mut stdin = reader.0.stdin.as_ref().unwrap();
        stdin.write_all((lines + "no job\n").as_bytes()).unwrap();
    };
    let rejected = || files.json("rejects").len();
    let queued = || -> usize {
        let mut redis = store.connect();
        let data: Vec<String> = redis.keys("*:data").unwrap();
        data.iter()
            .map(|key| redis.hlen::<_, usize>(key).unwrap())
            .sum()
    };

    let reader = read_at(&RedisServer::url_with(RedisServer::OPEN, road.port));
    // With it the server gets to know the script.
    write(&reader, "first");
    until("the first is queued", || queued() == 1);
    let recorded = files.read("rejects");
    road.hold_up_from(name);
    write(&reader, "late");
    until("the next is on its way", || road.holds(name));
    assert_eq!(rejected(), 2);
    reader.signal("KILL");
    drop(reader.wait());

    let mut reader = read_at(&store.url());
    until("the line is cut off", || files.read("rejects") == recorded);
    road.release();
    until("what was on its way has arrived", || road.is_empty());
    write(&reader, "late");
    drop(reader.0.stdin.take());
    assert_eq!(reader.wait().code(), 2);
    assert_eq!((rejected(), queued()), (2, 2));
    // What is recorded of the rejects is what there is.
    assert_eq!(
        enqueue(&store, &files.write("none", ""), &["--rejects", name]).code(),
        0
    );
}

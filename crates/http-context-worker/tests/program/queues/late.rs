//! What a worker has sent that was killed, and that is still on its way.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};

use super::{SharedServer, enqueue, serve, serve_at};
use crate::redis::RedisServer;
use crate::support::{Files, Gate, job_lines, until};

/// An address that leads to a server, on whose way everything can be held up.
struct Road {
    port: u16,
    held: Arc<Held>,
}

#[derive(Default)]
struct Held {
    state: Mutex<(bool, Vec<u8>)>,
    released: Condvar,
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
                let (from, to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
                std::thread::spawn(move || carry_back(from, to));
                std::thread::spawn(move || held.carry(client, server));
            }
        });
        Self { port, held }
    }

    fn hold_up(&self) {
        self.held.state.lock().unwrap().0 = true;
    }

    /// Whether this is among what is held up.
    fn holds(&self, text: &str) -> bool {
        let state = self.held.state.lock().unwrap();
        state
            .1
            .windows(text.len())
            .any(|part| part == text.as_bytes())
    }

    fn release(&self) {
        self.held.state.lock().unwrap().0 = false;
        self.held.released.notify_all();
    }
}

impl Held {
    /// What is held up arrives also where its sender is gone by then.
    fn carry(&self, mut client: TcpStream, mut server: TcpStream) {
        let (mut chunk, mut kept) = ([0; 4096], Vec::new());
        while let Ok(n @ 1..) = client.read(&mut chunk) {
            kept.extend_from_slice(&chunk[..n]);
            let mut state = self.state.lock().unwrap();
            if state.0 {
                state.1.extend_from_slice(&chunk[..n]);
            } else {
                server.write_all(&kept).unwrap();
                kept.clear();
            }
        }
        let state = self.state.lock().unwrap();
        drop(self.released.wait_while(state, |(is_held, _)| *is_held));
        let _ = server.write_all(&kept);
        let _ = server.shutdown(Shutdown::Write);
    }
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

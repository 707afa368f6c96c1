//! A way to a server on which what is sent can be held up.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};

use super::SharedServer;

/// An address that leads to a server, on whose way everything can be held up.
pub(super) struct Road {
    pub(super) port: u16,
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
    pub(super) fn to(server: &impl SharedServer) -> Self {
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

    pub(super) fn hold_up(&self) {
        self.held.state.lock().unwrap().is_held = true;
    }

    /// From what has this text in it on.
    pub(super) fn hold_up_from(&self, text: &str) {
        self.held.state.lock().unwrap().held_from = Some(text.into());
    }

    /// Whether this is among what is held up.
    pub(super) fn holds(&self, text: &str) -> bool {
        has(&self.held.state.lock().unwrap().kept, text.as_bytes())
    }

    pub(super) fn release(&self) {
        let mut state = self.held.state.lock().unwrap();
        (state.is_held, state.held_from) = (false, None);
        self.held.released.notify_all();
    }

    /// How many connections were made on it.
    pub(super) fn made(&self) -> usize {
        self.held.state.lock().unwrap().made
    }

    /// Whether the server has done all that came on this way, whose clients are gone.
    pub(super) fn is_empty(&self) -> bool {
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

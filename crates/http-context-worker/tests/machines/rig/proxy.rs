//! The address that leads to the store, or to an upstream: what goes through it can be made slow, and it can be led
//! elsewhere.
//!
//! Standard input says what to do, a line for each: `lead ADDRESS` leads what connects from now on there, and
//! ends the connections so far; `lead-new ADDRESS` does not end them; `delay MILLISECONDS` holds everything back for
//! that long, each way. It ends with its standard input.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::Fallible;

/// How long it waits for the other side.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

#[derive(Default)]
struct State {
    leads_to: Mutex<Option<SocketAddr>>,
    /// The connections of now, and some of those that have ended.
    open: Mutex<Vec<TcpStream>>,
    delay: AtomicU64,
}

/// Listens there until standard input ends.
pub(crate) fn serve(address: &str) -> Fallible {
    let listener = TcpListener::bind(address)?;
    let state = Arc::new(State::default());
    let shared = Arc::clone(&state);
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let state = Arc::clone(&shared);
            std::thread::spawn(move || {
                // Whoever connected sees that it is closed.
                let _ = carry(&client, &state);
            });
        }
    });
    for line in std::io::stdin().lines() {
        let line = line?;
        match line.split_once(' ') {
            Some(("lead", address)) => {
                *locked(&state.leads_to) = Some(address.parse()?);
                for stream in locked(&state.open).drain(..) {
                    let _ = stream.shutdown(Shutdown::Both);
                }
            }
            Some(("lead-new", address)) => *locked(&state.leads_to) = Some(address.parse()?),
            Some(("delay", milliseconds)) => {
                state.delay.store(milliseconds.parse()?, Ordering::SeqCst);
            }
            _ => return Err(format!("it knows no such order: {line}").into()),
        }
    }
    Ok(())
}

fn carry(client: &TcpStream, state: &Arc<State>) -> Fallible {
    let leads_to = *locked(&state.leads_to);
    let server = TcpStream::connect_timeout(&leads_to.ok_or("it leads nowhere")?, CONNECT_TIMEOUT)?;
    for stream in [client, &server] {
        stream.set_nodelay(true)?;
        locked(&state.open).push(stream.try_clone()?);
    }
    let back = (server.try_clone()?, client.try_clone()?, Arc::clone(state));
    std::thread::spawn(move || pump(back.0, back.1, &back.2));
    pump(client.try_clone()?, server, state);
    let mut open = locked(&state.open);
    open.retain(|stream| stream.take_error().is_ok() && stream.peer_addr().is_ok());
    Ok(())
}

/// Carries one way, until either side has ended; then both have.
fn pump(mut from: TcpStream, mut to: TcpStream, state: &State) {
    let (sender, receiver) = sync_channel::<(Instant, Vec<u8>)>(1024);
    let Ok(ended) = from.try_clone() else {
        return;
    };
    let writer = std::thread::spawn(move || {
        write_when_due(&receiver, &mut to);
        let _ = to.shutdown(Shutdown::Both);
        let _ = ended.shutdown(Shutdown::Both);
    });
    let mut chunk = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut chunk) {
        let delay = Duration::from_millis(state.delay.load(Ordering::SeqCst));
        let piece = (Instant::now() + delay, chunk[..length].to_vec());
        if sender.send(piece).is_err() {
            break;
        }
    }
    drop(sender);
    let _ = writer.join();
}

fn write_when_due(receiver: &Receiver<(Instant, Vec<u8>)>, to: &mut TcpStream) {
    for (due, piece) in receiver {
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        if to.write_all(&piece).is_err() {
            break;
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! A server that jobs send requests to, and that writes down which job came when.
//!
//! Standard input says what it answers with from now on: a line with a status.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::json;

use crate::Fallible;
use crate::history::History;

#[derive(Default)]
struct State {
    arrivals: Mutex<HashMap<String, u64>>,
    /// 0 until somebody has said something else: it answers with 200.
    status: AtomicU16,
}

/// Serves until it is killed, or standard input ends.
pub(crate) fn serve(address: &str, history: &Path, name: &str) -> Fallible {
    let listener = TcpListener::bind(address)?;
    let history = Arc::new(History::open(history, name)?);
    let state = Arc::new(State::default());
    let shared = Arc::clone(&state);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (history, state) = (Arc::clone(&history), Arc::clone(&shared));
            std::thread::spawn(move || {
                // A client that is gone is no trouble of the server's.
                let _ = answer_all(&stream, &history, &state);
            });
        }
    });
    for line in std::io::stdin().lines() {
        state.status.store(line?.parse()?, Ordering::SeqCst);
    }
    Ok(())
}

fn answer_all(stream: &TcpStream, history: &History, state: &State) -> Fallible {
    stream.set_nodelay(true)?;
    let mut lines = BufReader::new(stream).lines();
    while let Some(line) = lines.next() {
        let request_line = line?;
        for line in lines.by_ref() {
            if line?.is_empty() {
                break;
            }
        }
        // `GET /JOB/MILLISECONDS HTTP/1.1`
        let target = request_line.split(' ').nth(1).unwrap_or_default();
        let mut parts = target.split('/').skip(1);
        let job = parts.next().unwrap_or_default().to_owned();
        let milliseconds = parts.next().and_then(|text| text.parse().ok());
        let number = {
            let mut arrivals = state
                .arrivals
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            let number = arrivals.entry(job.clone()).or_default();
            *number += 1;
            *number
        };
        history.add("arrival", json!({"job": job, "number": number}))?;
        std::thread::sleep(Duration::from_millis(milliseconds.unwrap_or(0)));
        let status = match state.status.load(Ordering::SeqCst) {
            0 => 200,
            status => status,
        };
        let body = "answer ".repeat(20);
        let head = format!(
            "HTTP/1.1 {status} As planned\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        // Written down first: whoever reads the answer finds it there.
        history.add(
            "answer",
            json!({"job": job, "number": number, "status": status}),
        )?;
        let mut stream = stream;
        stream.write_all(format!("{head}{body}").as_bytes())?;
    }
    Ok(())
}

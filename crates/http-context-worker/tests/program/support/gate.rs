//! A server whose answers wait for the test.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;

use super::LIMIT;

/// A server that answers when the test says so.
pub(crate) struct Gate {
    address: SocketAddr,
    arrivals: mpsc::Receiver<Arrival>,
}

/// A request that has arrived and waits for its answer.
pub(crate) struct Arrival(TcpStream, String);

impl Gate {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, arrivals) = mpsc::channel();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let sender = sender.clone();
                std::thread::spawn(move || {
                    let mut stream = stream;
                    let mut head = Vec::new();
                    let mut chunk = [0; 1024];
                    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
                        match stream.read(&mut chunk) {
                            Ok(0) | Err(_) => return,
                            Ok(n) => head.extend_from_slice(&chunk[..n]),
                        }
                    }
                    let head = String::from_utf8_lossy(&head);
                    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
                    let _ = sender.send(Arrival(stream, path));
                });
            }
        });
        Self { address, arrivals }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The next request. Waits for it.
    pub(crate) fn next(&self) -> Arrival {
        self.arrivals
            .recv_timeout(LIMIT)
            .expect("a request arrives")
    }

    /// A request that has arrived already.
    pub(crate) fn arrived(&self) -> Option<Arrival> {
        self.arrivals.try_recv().ok()
    }
}

impl Arrival {
    /// What was asked for.
    pub(crate) fn path(&self) -> &str {
        &self.1
    }

    pub(crate) fn answer(self) {
        self.answer_with("200 OK", "");
    }

    /// Answers with this status, and these headers with their line ends.
    pub(crate) fn answer_with(mut self, status: &str, headers: &str) {
        let answer = format!(
            "HTTP/1.1 {status}\r\n{headers}content-length: 2\r\nconnection: close\r\n\r\nok"
        );
        self.0.write_all(answer.as_bytes()).unwrap();
    }

    /// Waits until the other side has closed the connection.
    pub(crate) fn wait_closed(mut self) {
        self.0.set_read_timeout(Some(LIMIT)).unwrap();
        let mut rest = Vec::new();
        // A reset is an end as well.
        let end = self.0.read_to_end(&mut rest).err();
        let kind = end.map(|error| error.kind());
        assert_ne!(kind, Some(ErrorKind::WouldBlock), "it stays open");
    }
}

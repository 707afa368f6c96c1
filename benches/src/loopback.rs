//! The smallest server there can be, for counting instructions of the client.

use std::io::{Read, Write};
use std::net::TcpListener;

/// Starts a server on a thread of its own that answers each read of one connection with `ok`, and
/// gives its URL. It does as little as can be, so that what is measured is the client.
///
/// # Panics
///
/// When there is no port to be had.
pub fn one_connection_server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port is free");
    let address = listener.local_addr().expect("a listener has an address");
    std::thread::spawn(move || {
        let Ok((mut stream, _)) = listener.accept() else {
            return;
        };
        let _ = stream.set_nodelay(true);
        let mut buffer = [0; 4096];
        // A request of the benchmarks fits into one segment.
        while matches!(stream.read(&mut buffer), Ok(read) if read > 0) {
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
            if stream.write_all(answer).is_err() {
                return;
            }
        }
    });
    format!("http://{address}/")
}

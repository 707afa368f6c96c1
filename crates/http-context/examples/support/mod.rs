//! A server for the examples: says hello to every request, over connections that stay open.

mod listen;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

/// Starts it. Returns its URL.
pub(crate) async fn start() -> std::io::Result<String> {
    listen::listen("/", serve).await
}

async fn serve(socket: TcpStream) -> std::io::Result<()> {
    let mut socket = BufReader::new(socket);
    loop {
        let mut line = String::new();
        match socket.read_line(&mut line).await? {
            0 => return Ok(()),
            // The empty line at the end of the head; there is no body.
            2 => socket.write_all(ANSWER).await?,
            _ => {}
        }
    }
}

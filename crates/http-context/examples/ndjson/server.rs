//! A server that sends lines for as long as somebody reads them, cut anywhere.

#[path = "../support/listen.rs"]
mod listen;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\n\r\n";

/// Starts it. Returns its URL.
pub(crate) async fn start() -> std::io::Result<String> {
    listen::listen("/values", serve).await
}

async fn serve(socket: TcpStream) -> std::io::Result<()> {
    let mut socket = BufReader::new(socket);
    // To the end of the head; there is no body.
    while socket.read_line(&mut String::new()).await? > 2 {}
    socket.write_all(HEAD.as_bytes()).await?;
    for n in 0_u64.. {
        let line = format!("{{\"n\":{n}}}\n\n");
        let (first, rest) = line.split_at(line.len() / 2);
        socket.write_all(first.as_bytes()).await?;
        socket.flush().await?;
        socket.write_all(rest.as_bytes()).await?;
    }
    Ok(())
}

//! A server that sends lines for as long as somebody reads them, cut anywhere.

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\n\r\n";

/// Starts it. Returns its URL.
pub(crate) async fn start() -> std::io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/values", listener.local_addr()?);
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(serve(socket));
        }
    });
    Ok(url)
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

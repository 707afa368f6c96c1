//! A server whose first answer breaks off after two events, and whose second one never ends.

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
const FIRST: &str = "retry: 10\n\nid: 1\ndata: one\n\nid: 2\ndata: two\n\ndata: thr";
const SECOND: &str = ": still here\n\nevent: done\nid: 3\ndata: three\n\n";

/// Starts it. Returns its URL, and what will be the `Last-Event-ID` of each connection.
pub(crate) async fn start() -> std::io::Result<(String, JoinHandle<Vec<String>>)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/events", listener.local_addr()?);
    Ok((url, tokio::spawn(serve(listener))))
}

async fn serve(listener: TcpListener) -> Vec<String> {
    let mut ids = Vec::new();
    for events in [FIRST, SECOND] {
        let Ok((socket, _)) = listener.accept().await else {
            break;
        };
        let mut socket = BufReader::new(socket);
        ids.push(last_event_id(&mut socket).await.unwrap_or_default());
        let answer = format!("{HEAD}{events}");
        let sent = socket.write_all(answer.as_bytes()).await;
        if sent.is_ok() && events == SECOND {
            // Until the client goes.
            let _ = socket.read(&mut [0]).await;
        }
    }
    ids
}

/// Reads the head of a request.
async fn last_event_id(socket: &mut BufReader<TcpStream>) -> std::io::Result<String> {
    let mut id = String::new();
    loop {
        let mut line = String::new();
        if socket.read_line(&mut line).await? <= 2 {
            return Ok(id);
        }
        if let Some(value) = line.strip_prefix("last-event-id: ") {
            value.trim().clone_into(&mut id);
        }
    }
}

//! What the servers of the examples have in common.

use tokio::net::{TcpListener, TcpStream};

/// Serves whoever connects, each in a task of its own. Returns the URL of a path.
pub(crate) async fn listen<S>(path: &str, serve: fn(TcpStream) -> S) -> std::io::Result<String>
where
    S: Future<Output = std::io::Result<()>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}{path}", listener.local_addr()?);
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(serve(socket));
        }
    });
    Ok(url)
}

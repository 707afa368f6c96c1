//! A program beside the worker whose connections are upgraded, for what is to be seen of those.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use http_context::{OpenError, Upgraded, builder, http_session};
use http_context_middleware::{Instrumentation, Spans, with_catalogue_buckets};
use metrics_exporter_prometheus::PrometheusBuilder;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::oneshot;

/// Between one connection that breaks and the next.
const PAUSE: Duration = Duration::from_millis(50);

/// A text message of a WebSocket, by a mask that changes nothing.
const HELLO: &[u8] = b"\x81\x85\0\0\0\0hello";

/// One connection that is open, and others that break. It ends when this is dropped.
pub(crate) struct Upgrading {
    /// Where its metrics are.
    pub(crate) metrics: SocketAddr,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Upgrading {
    pub(crate) fn start() -> Self {
        let recorder = with_catalogue_buckets(PrometheusBuilder::new()).build_recorder();
        let exported = recorder.handle();
        let metrics = serve(move |mut stream, _| {
            let body = exported.render();
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nconnection: close\r\n";
            let _ = write!(stream, "{head}content-length: {}\r\n\r\n{body}", body.len());
        });
        let instrumentation = Instrumentation::builder()
            .spans(Spans::Off)
            .recorder(Arc::new(recorder))
            .build();
        let (end, ended) = oneshot::channel();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let work = builder().observer(instrumentation).open(async {
                let peer = serve(upgrade);
                tokio::select! {
                    () = talk(peer) => {}
                    _ = ended => {}
                }
                Ok::<_, OpenError>(())
            });
            runtime.unwrap().block_on(work).unwrap();
        });
        Self {
            metrics,
            end: Some(end),
            thread: Some(thread),
        }
    }
}

impl Drop for Upgrading {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn talk(peer: SocketAddr) {
    let mut kept = ask(peer, "/").await;
    loop {
        kept.write_all(HELLO).await.unwrap();
        kept.read_exact(&mut [0; HELLO.len()]).await.unwrap();
        let mut breaks = ask(peer, "/break").await;
        breaks.write_all(HELLO).await.unwrap();
        breaks.read(&mut [0; 1]).await.unwrap_err();
        tokio::time::sleep(PAUSE).await;
    }
}

async fn ask(peer: SocketAddr, path: &str) -> Upgraded {
    let session = http_session().unwrap();
    let request = session.get(format!("http://{peer}{path}"));
    let request = request.header("upgrade", "websocket");
    let request = request.header("connection", "upgrade").build().unwrap();
    session.upgrade(request).await.unwrap()
}

/// Sends back what comes, or breaks the connection.
fn upgrade(mut stream: TcpStream, head: &str) {
    let answer =
        b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
    let _ = stream.write_all(answer);
    let mut bytes = [0; 64];
    if head.contains(" /break ") {
        // What has come and was not read makes a reset of the close.
        let _ = stream.peek(&mut bytes);
        return;
    }
    while let Ok(length @ 1..) = stream.read(&mut bytes) {
        let _ = stream.write_all(&bytes[..length]);
    }
}

/// A server on threads, which are given connections with the heads that came.
fn serve(answer: impl Fn(TcpStream, &str) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let answer = Arc::new(answer);
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let answer = Arc::clone(&answer);
            thread::spawn(move || {
                let (mut head, mut byte) = (Vec::new(), [0]);
                while !head.ends_with(b"\r\n\r\n") && stream.read_exact(&mut byte).is_ok() {
                    head.extend(byte);
                }
                answer(stream, &String::from_utf8_lossy(&head));
            });
        }
    });
    address
}

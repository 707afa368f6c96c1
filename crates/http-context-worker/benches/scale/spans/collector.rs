//! A collector that says what it has been sent.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::children::Foreign;
use crate::loads::until;
use crate::servers::free_port;

/// It says what it has been sent in a line for each batch; bytes are counted on the way.
pub(super) struct Collector {
    pub(super) server: Foreign,
    pub(super) port: u16,
    pub(super) lines: mpsc::Receiver<u64>,
    bytes: Arc<AtomicU64>,
    _folder: tempfile::TempDir,
}

impl Collector {
    pub(super) fn start(runtime: &tokio::runtime::Runtime) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (grpc, http) = (free_port(), free_port());
        let mut server: Child = Command::new("rotel-agent")
            .args(["start", "--exporter", "blackhole", "--debug-log", "traces"])
            .args(["--otlp-grpc-endpoint", &format!("127.0.0.1:{grpc}")])
            .args(["--otlp-http-endpoint", &format!("127.0.0.1:{http}")])
            .arg("--pid-file")
            .arg(folder.path().join("pid"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("rotel-agent is on the search path");
        let stdout = server.stdout.take().unwrap();
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                // `… Received traces. … spans=512`, in colours.
                let digits = line.bytes().rev().take_while(u8::is_ascii_digit).count();
                let spans = line[line.len() - digits..].parse();
                let spans = spans.ok().filter(|_| line.contains("Received traces"));
                if let Some(spans) = spans {
                    let _ = sender.send(spans);
                }
            }
        });
        until(|| std::net::TcpStream::connect(("127.0.0.1", grpc)).is_ok());
        let bytes = Arc::new(AtomicU64::new(0));
        let port = runtime.block_on(relay(grpc, Arc::clone(&bytes)));
        Self {
            server: Foreign(server),
            port,
            lines,
            bytes,
            _folder: folder,
        }
    }

    /// That it has been sent so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

/// Passes connections on to a port, and counts the bytes on their way there.
async fn relay(to: u16, bytes: Arc<AtomicU64>) -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let bytes = Arc::clone(&bytes);
            tokio::spawn(async move {
                let server = TcpStream::connect(("127.0.0.1", to)).await.unwrap();
                let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
                    (client.into_split(), server.into_split());
                let back = tokio::io::copy(&mut from_server, &mut to_client);
                let there = async {
                    let mut buffer = vec![0; 64 * 1024];
                    while let Ok(read @ 1..) = from_client.read(&mut buffer).await {
                        bytes.fetch_add(read as u64, Ordering::Relaxed);
                        to_server.write_all(&buffer[..read]).await?;
                    }
                    to_server.shutdown().await
                };
                let _ = tokio::join!(back, there);
            });
        }
    });
    port
}

//! A server in a process of its own that can hold requests until all are there.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http_context_tests::{Server as TestServer, empty_body, full_body};
use reqwest::Client;
use tokio::sync::watch;

use crate::BoxError;

const SERVE: &str = "serve";

/// Runs the server when this process was started for that, until its input ends.
pub(crate) fn serve_if_asked() -> std::io::Result<bool> {
    if std::env::args().nth(1).as_deref() != Some(SERVE) {
        return Ok(false);
    }
    let held = Arc::new(AtomicUsize::new(0));
    let (release, released) = watch::channel(());
    let (waiting, count, release) = (Arc::clone(&held), held, Arc::new(release));
    let server = TestServer::builder()
        .max_streams(1 << 16)
        .handler("/hold", move |_| {
            let (held, mut released) = (Arc::clone(&waiting), released.clone());
            released.mark_unchanged();
            async move {
                held.fetch_add(1, Ordering::SeqCst);
                let _ = released.changed().await;
                held.fetch_sub(1, Ordering::SeqCst);
                http::Response::new(empty_body())
            }
        })
        .handler("/held", move |_| {
            let held = count.load(Ordering::SeqCst).to_string();
            async move { http::Response::new(full_body(held)) }
        })
        .handler("/release", move |_| {
            release.send_replace(());
            async { http::Response::new(empty_body()) }
        })
        .start();
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{}", server.addr().port())?;
    stdout.flush()?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(true)
}

/// The server, and a client beside what is measured to steer it.
pub(crate) struct Server {
    child: Child,
    stdin: Option<ChildStdin>,
    pub(crate) port: u16,
    steering: Client,
}

impl Server {
    pub(crate) fn start() -> Result<Self, BoxError> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg(SERVE)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        let stdout = child.stdout.take().ok_or("its output is piped")?;
        BufReader::new(stdout).read_line(&mut line)?;
        Ok(Self {
            stdin: child.stdin.take(),
            child,
            port: line.trim().parse()?,
            steering: Client::builder().no_proxy().build()?,
        })
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Waits until it holds so many requests.
    pub(crate) async fn holds(&self, count: usize) -> Result<(), BoxError> {
        while self.steer("/held").await?.parse::<usize>()? != count {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        Ok(())
    }

    pub(crate) async fn release(&self) -> Result<(), BoxError> {
        self.steer("/release").await.map(drop)
    }

    async fn steer(&self, path: &str) -> Result<String, BoxError> {
        Ok(self
            .steering
            .get(self.url(path))
            .send()
            .await?
            .text()
            .await?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ = self.child.wait();
    }
}

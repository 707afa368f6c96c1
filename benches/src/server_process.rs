//! The server, in a process of its own: what it does is not measured.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdin, Command, Stdio};

/// A running server; it ends when this is dropped.
#[derive(Debug)]
pub struct ServerProcess {
    child: Child,
    /// The server runs until its standard input ends.
    stdin: Option<ChildStdin>,
    url: String,
}

impl ServerProcess {
    /// Starts the program `bench-server`, found at `path`.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    pub fn start(path: &str) -> Self {
        Self::start_with(path, &[])
    }

    /// As [`start`](Self::start), one that echoes the messages of WebSockets.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    pub fn start_websocket(path: &str) -> Self {
        Self::start_with(path, &["websocket"])
    }

    fn start_with(path: &str, arguments: &[&str]) -> Self {
        let mut child = Command::new(path)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server was built along with the benchmark");
        let stdout = child.stdout.take().expect("its output is piped");
        let mut url = String::new();
        BufReader::new(stdout)
            .read_line(&mut url)
            .expect("the server prints its address");
        Self {
            stdin: child.stdin.take(),
            child,
            url: url.trim().to_owned(),
        }
    }

    /// The URL of a small response.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ = self.child.wait();
    }
}

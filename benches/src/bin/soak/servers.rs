//! The servers, in a process of their own: what they hold is not measured.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use http_context_tests::{At, Fault, FaultProxy, Script, Server};

use crate::BoxError;

const SERVE: &str = "serve";

/// How often the proxies reset whatever they carry.
const RESET_EVERY: Duration = Duration::from_secs(5);

/// Where jobs send their requests.
#[derive(Clone)]
pub(crate) struct Urls {
    pub(crate) http1: String,
    pub(crate) http2: String,
    /// Each breaks its connections in a way of its own.
    pub(crate) faulty: Vec<String>,
}

pub(crate) struct Servers {
    pub(crate) urls: Urls,
    child: Child,
    stdin: Option<ChildStdin>,
}

/// Runs the servers when this process was started for that, until its input ends.
pub(crate) fn serve_if_asked() -> std::io::Result<bool> {
    if std::env::args().nth(1).as_deref() != Some(SERVE) {
        return Ok(false);
    }
    let (http1, http2) = (
        Server::builder().http1().start(),
        Server::builder().http2().start(),
    );
    let scripts = [
        Script::fault(At::Accept, Fault::Reset),
        Script::fault(At::RequestBytes(20), Fault::Close),
        Script::fault(At::ResponseBytes(1), Fault::Reset),
        Script::fault(At::ResponseBytes(900), Fault::Close),
        Script::fault(At::ResponseBytes(900), Fault::Reset),
        Script::fault(At::ResponseBytes(20), Fault::Stall),
        Script::new().sliced(200),
    ];
    let proxies: Vec<FaultProxy> = scripts
        .into_iter()
        .map(|script| {
            let proxy = FaultProxy::start(http1.addr());
            proxy.set_usual(script);
            proxy
        })
        .collect();
    let mut stdout = std::io::stdout();
    write!(stdout, "{} {}", http1.addr(), http2.addr())?;
    for proxy in &proxies {
        write!(stdout, " {}", proxy.addr())?;
    }
    writeln!(stdout)?;
    stdout.flush()?;
    let (end, ended) = mpsc::channel();
    thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        let _ = end.send(());
    });
    // A stalled connection whose client has gone stays: nobody reads there any more. Without this the
    // proxies run out of descriptors after some minutes.
    while let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(RESET_EVERY) {
        for proxy in &proxies {
            proxy.reset_connections();
        }
    }
    Ok(true)
}

impl Servers {
    pub(crate) fn start() -> Result<Self, BoxError> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg(SERVE)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take().ok_or("its output is piped")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let mut urls = line.split_whitespace().map(|addr| format!("http://{addr}"));
        let missing = "the servers say where they are";
        Ok(Self {
            urls: Urls {
                http1: urls.next().ok_or(missing)?,
                http2: urls.next().ok_or(missing)?,
                faulty: urls.collect(),
            },
            stdin: child.stdin.take(),
            child,
        })
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ = self.child.wait();
    }
}

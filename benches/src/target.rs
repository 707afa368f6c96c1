//! The server under load, in a process of its own: the program that is measured starts itself again.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;

use http_context_tests::{Server, tls};
use rustls::pki_types::CertificateDer;

use crate::cpu;

/// The first argument of a program that is to be the server.
const SERVE: &str = "serve";

/// Runs the server when this process was started for that, until its input ends.
///
/// # Errors
///
/// When its addresses cannot be read.
pub fn serve_if_asked() -> std::io::Result<bool> {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() != Some(SERVE) {
        return Ok(false);
    }
    if let Some(core) = arguments.next().and_then(|core| core.parse().ok()) {
        // Before it has any other thread.
        cpu::stay_on(core)?;
    }
    let streams = 1 << 16;
    let plain = Server::builder().max_streams(streams).start();
    let secure = Server::builder().max_streams(streams).tls().start();
    let mut stdout = std::io::stdout();
    let mut authority = String::new();
    for byte in tls::ca_der().iter() {
        write!(authority, "{byte:02x}").expect("a string takes what is written");
    }
    writeln!(stdout, "{} {} {authority}", plain.url(""), secure.url(""))?;
    stdout.flush()?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(true)
}

/// A server that runs until this is dropped.
#[derive(Debug)]
pub struct Target {
    child: Child,
    stdin: Option<ChildStdin>,
    /// The URL without TLS, and without a path.
    pub plain: String,
    /// The URL with TLS.
    pub secure: String,
    /// Who signed the server's certificate.
    pub authority: CertificateDer<'static>,
}

impl Target {
    /// Starts this very program as a server that stays on a core; see [`serve_if_asked`].
    ///
    /// # Panics
    ///
    /// When that cannot be.
    pub fn start(core: usize) -> Self {
        let program = std::env::current_exe().expect("a program knows where it is");
        let mut child = Command::new(program)
            .arg(SERVE)
            .arg(core.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program can be started");
        let stdout = child.stdout.take().expect("its output is piped");
        let mut line = String::new();
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("the server prints its addresses");
        let mut words = line.split_whitespace().map(str::to_owned);
        let mut word = || words.next().expect("the line has three words");
        let (plain, secure, authority) = (word(), word(), word());
        let byte = |at| u8::from_str_radix(&authority[at..at + 2], 16).expect("two digits");
        let authority: Vec<u8> = (0..authority.len()).step_by(2).map(byte).collect();
        Self {
            stdin: child.stdin.take(),
            child,
            plain,
            secure,
            authority: authority.into(),
        }
    }

    /// A TLS configuration that trusts the server.
    ///
    /// # Panics
    ///
    /// Never: the certificate is one.
    pub fn tls(&self) -> Arc<rustls::ClientConfig> {
        http_context_tests::tls::client_config_trusting(self.authority.clone())
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ = self.child.wait();
    }
}

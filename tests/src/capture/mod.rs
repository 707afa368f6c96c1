//! What goes over the loopback interface, as `tcpdump` captures it.
//!
//! The witness of last resort for connections: who sent the first FIN or RST, and when, is what no
//! end can know of the other. It needs `tcpdump`, which `cargo xtask tools` installs, and the right
//! to capture, which root has.

mod connections;
mod segment;

use std::{
    collections::HashSet,
    fmt,
    io::{BufRead as _, BufReader, Read as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    process::{Child, ChildStderr, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use tokio::time::Instant;

use rustix::process::{Pid, Signal, kill_process};

pub use self::connections::{Captured, CapturedClose, CloseKind, Side};
use self::{connections::Connections, segment::Segment};
use crate::{server::DEADLINE, tools};

/// What begins and ends connections, over IPv4 and IPv6.
const FILTER: &str = "tcp[tcpflags] & (tcp-syn|tcp-fin|tcp-rst) != 0 \
                      or (ip6[6] = 6 and ip6[53] & (tcp-syn|tcp-fin|tcp-rst) != 0)";

/// The bytes of a packet that are kept: its headers, with all options. With more, the kernel's
/// buffer has room for a few packets only, and is slow to give them.
const HEADERS: &str = "128";

/// The buffer of the kernel for what `tcpdump` has not read yet, in KiB.
const BUFFER: &str = "32768";

/// After so long without a packet another connection is made to see the end of the capture.
const PATIENCE: Duration = Duration::from_millis(100);

/// A running capture of the loopback interface.
///
/// # Examples
///
/// ```
/// use http_context_tests::{Capture, Server, Side};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let Ok(capture) = Capture::start() else {
///     return; // This user may not capture.
/// };
/// let server = Server::start();
/// let client = reqwest::Client::new();
/// client.get(server.url("/ok")).send().await.unwrap();
/// drop(client);
/// server.wait_until(|counts| counts.closed() == 1).await;
///
/// let connections = capture.finish().to(server.addr());
/// assert_eq!(connections.len(), 1);
/// assert_eq!(connections[0].closed.unwrap().by, Side::Local);
/// # }
/// ```
#[derive(Debug)]
pub struct Capture {
    tcpdump: Running,
    stderr: BufReader<ChildStderr>,
    /// What a thread reads from `tcpdump`, as it comes.
    segments: mpsc::Receiver<Segment>,
    connections: Connections,
}

/// This user may not capture: there is no witness.
#[derive(Clone, Debug)]
pub struct NotPermitted(String);

impl fmt::Display for NotPermitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "NOT CAPTURED: tcpdump may not listen on the loopback interface, so nothing was held \
             against the wire. Run this test as root, or give tcpdump CAP_NET_RAW. It says: {}",
            self.0
        )
    }
}

impl std::error::Error for NotPermitted {}

impl Capture {
    /// Begins to capture. What is sent after this returns is in the capture.
    ///
    /// # Errors
    ///
    /// [`NotPermitted`] when this user may not capture.
    ///
    /// # Panics
    ///
    /// When there is no `tcpdump`, or it fails for another reason.
    pub fn start() -> Result<Self, NotPermitted> {
        let Some(tcpdump) = tools::find("tcpdump") else {
            panic!("tcpdump is not on the search path: `cargo xtask tools` installs it");
        };
        let mut tcpdump = Command::new(tcpdump)
            .args(["-i", "lo", "-n", "-tt", "-U", "-l", "--immediate-mode"])
            .args(["-s", HEADERS, "-B", BUFFER, FILTER])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_or_else(|error| panic!("tcpdump does not start: {error}"), Running);
        let stderr = tcpdump.0.stderr.take().expect("it is piped");
        let mut stderr = BufReader::new(stderr);
        wait_for_listening(&mut stderr)?;
        let stdout = tcpdump.0.stdout.take().expect("it is piped");
        let (sender, segments) = mpsc::channel();
        thread::Builder::new()
            .name("capture".to_owned())
            .spawn(move || {
                let lines = BufReader::new(stdout).lines().map_while(Result::ok);
                for segment in lines.filter_map(|line| Segment::parse(&line)) {
                    // Nobody listens once the capture has been dropped.
                    if sender.send(segment).is_err() {
                        return;
                    }
                }
            })
            .expect("a thread can be spawned");
        let mut capture = Self {
            tcpdump,
            stderr,
            segments,
            connections: Connections::default(),
        };
        // It says that it listens a moment before it does.
        capture.read_to_now();
        Ok(capture)
    }

    /// Ends the capture, with everything in it that was sent before this was called.
    ///
    /// # Panics
    ///
    /// When the kernel has lost packets, or `tcpdump` stops before it was asked to.
    pub fn finish(mut self) -> Connections {
        self.read_to_now();
        let said = self.stop();
        let counted = |what| counted(&said, what);
        assert_eq!(
            counted("packets dropped by kernel"),
            Some(0),
            "the kernel has lost packets of the capture: {said}"
        );
        // The end of what it had to say.
        for segment in &self.segments {
            self.connections.add(segment);
        }
        assert_eq!(
            counted("packets captured"),
            Some(self.connections.segments()),
            "not everything that tcpdump captured was read: {said}"
        );
        self.connections
    }

    /// Reads what was sent before this was called: up to the end of a connection that is made here.
    fn read_to_now(&mut self) {
        let deadline = Instant::now() + DEADLINE;
        let mut markers = HashSet::new();
        while Instant::now() < deadline {
            // Another one, since one that is made before `tcpdump` listens is never seen.
            markers.insert(mark());
            while let Ok(segment) = self.segments.recv_timeout(PATIENCE) {
                self.connections.add(segment);
                if segment.ends() && markers.contains(&segment.to) {
                    return;
                }
            }
        }
        panic!("tcpdump shows none of the connections that were made to be seen: {markers:?}");
    }

    /// Ends it; returns what it has counted.
    fn stop(&mut self) -> String {
        self.tcpdump.interrupt();
        let mut said = String::new();
        self.stderr
            .read_to_string(&mut said)
            .expect("what tcpdump says is text");
        said
    }
}

/// The child, which does not outlive this.
#[derive(Debug)]
struct Running(Child);

impl Running {
    /// It ends, and says what it has counted.
    fn interrupt(&self) {
        let pid = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw);
        let pid = pid.expect("a child has a process id");
        // The child has not been waited for, so that the id is still its own.
        kill_process(pid, Signal::INT).expect("a child can be signalled");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already, if it was asked to.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn wait_for_listening(stderr: &mut BufReader<ChildStderr>) -> Result<(), NotPermitted> {
    let mut said = String::new();
    loop {
        let before = said.len();
        let read = stderr.read_line(&mut said);
        assert!(read.is_ok(), "what tcpdump says is text");
        let line = &said[before..];
        if line.starts_with("listening on") {
            return Ok(());
        }
        if line.is_empty() {
            let is_refused = said.contains("permission") || said.contains("not permitted");
            assert!(is_refused, "tcpdump does not listen: {said}");
            return Err(NotPermitted(said.trim().replace('\n', " ")));
        }
    }
}

/// Makes a connection and ends it: what was sent before is captured before its end.
fn mark() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let marker = listener.local_addr().expect("a listener has an address");
    drop(TcpStream::connect(marker).expect("it listens"));
    marker
}

/// Reads the number of a line such as `2 packets dropped by kernel`.
fn counted(said: &str, what: &str) -> Option<u64> {
    let line = said.lines().find(|line| line.ends_with(what))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tcpdump_has_counted_is_read() {
        let said =
            "12 packets captured\n24 packets received by filter\n3 packets dropped by kernel\n";
        assert_eq!(counted(said, "packets captured"), Some(12));
        assert_eq!(counted(said, "packets dropped by kernel"), Some(3));
        let gone = "tcpdump: pcap_loop: The interface disappeared";
        assert_eq!(counted(gone, "packets captured"), None);
    }

    /// Both ends of a connection, and where it leads.
    fn connected() -> (TcpStream, TcpStream, SocketAddr) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let client = TcpStream::connect(address).unwrap();
        (client, listener.accept().unwrap().0, address)
    }

    #[test]
    fn the_side_that_closes_first_is_in_the_capture() {
        let capture = match Capture::start() {
            Ok(capture) => capture,
            Err(refused) => return eprintln!("{refused}"),
        };
        let (client, server, by_client) = connected();
        drop(client);
        drop(server);
        let (client, server, by_server) = connected();
        drop(server);
        drop(client);
        let connections = capture.finish();
        for (address, side) in [(by_client, Side::Local), (by_server, Side::Remote)] {
            let found = connections.to(address);
            assert_eq!(found.len(), 1, "{found:?}");
            let closed = found[0].closed.unwrap();
            assert_eq!((closed.by, closed.kind), (side, CloseKind::Fin));
            assert!(found[0].is_established && found[0].lifetime().is_some());
        }
    }

    #[test]
    fn a_reset_and_a_refusal_are_in_the_capture() {
        let capture = match Capture::start() {
            Ok(capture) => capture,
            Err(refused) => return eprintln!("{refused}"),
        };
        let (client, mut server, reset) = connected();
        std::io::Write::write_all(&mut server, b"unread").unwrap();
        client.peek(&mut [0]).unwrap();
        // A socket that is closed with bytes unread resets its connection.
        drop(client);
        drop(server);
        let refused = crate::RefusedPort::new();
        TcpStream::connect(refused.addr()).unwrap_err();
        let connections = capture.finish();
        let closed = connections.to(reset)[0].closed.unwrap();
        assert_eq!((closed.by, closed.kind), (Side::Local, CloseKind::Reset));
        let refused = connections.to(refused.addr());
        assert!(refused.iter().all(|connection| !connection.is_established));
    }
}

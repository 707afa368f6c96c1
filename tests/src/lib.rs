//! What the integration tests of this workspace run against: a server that
//! counts, a proxy that breaks connections on purpose, and the kernel's own
//! list of sockets.
//!
//! A test of an HTTP client that only asks the client is no test of what went
//! over the wire. So each number that the software reports is held against a
//! second witness that knows nothing of it:
//!
//! * [`Server`] counts what arrived: connections, requests, response heads,
//!   bodies, and clients that went away.
//! * [`FaultProxy`] sits between a client and a server and breaks one
//!   connection in exactly the way that a script says.
//! * [`Capture`] shows what went over the loopback interface: who closed a connection first, and
//!   when.
//! * [`sockets`] asks the operating system which sockets this process holds.
//! * [`WebSocketServer`] treats each WebSocket as a test says, with a codec of its own, and counts what
//!   went both ways.
//! * [`RawServer`] speaks no protocol: each connection is in the hands of a function of the test.
//! * [`InvariantObserver`] checks each fact that an observer receives against those before it.
//!
//! A [`storm`] does to contexts, on several threads at once, whatever can be done to them.
//!
//! A test that needs a program beyond Rust asks [`tools`] for it, or [`postgres`] for that server, which runs as
//! [`nobody`].
//!
//! Nothing here waits for time. A test waits for a count
//! ([`Server::wait_until`]) or holds the server at a [`Gate`]; a deadline
//! exists only to turn a hang into a panic that shows the counts.
//!
//! # Examples
//!
//! ```
//! use http_context_tests::Server;
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let server = Server::start();
//! let client = reqwest::Client::new();
//! let response = client.get(server.url("/bytes/1000")).send().await.unwrap();
//! assert_eq!(response.bytes().await.unwrap().len(), 1000);
//!
//! drop(client);
//! let counts = server.wait_until(|counts| counts.open() == 0).await;
//! assert_eq!((counts.accepted, counts.requests, counts.completed), (1, 1, 1));
//! # }
//! ```
//!
//! A request that is held where the test wants it, and let go of when the test
//! says so:
//!
//! ```
//! use http_context_tests::Server;
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let server = Server::start();
//! let request = tokio::spawn(reqwest::get(server.url("/slow-head")));
//! server.wait_until(|counts| counts.held == 1).await;
//! server.gate().open();
//! assert_eq!(request.await.unwrap().unwrap().status(), 200);
//! # }
//! ```

#[cfg(target_os = "linux")]
mod capture;
mod crowd;
mod dead_ports;
mod fact_lines;
mod fault_proxy;
mod gate;
mod invariants;
mod long_run;
mod middleware;
#[cfg(target_os = "linux")]
pub mod nobody;
#[cfg(target_os = "linux")]
pub mod postgres;
mod random;
mod raw_server;
mod runtime_thread;
mod sees_sockets;
mod server;
mod shown;
#[cfg(target_os = "linux")]
pub mod sockets;
mod storm;
pub mod tls;
pub mod tools;
mod upgrade_server;
mod websocket_server;
mod wire;

#[cfg(target_os = "linux")]
pub use capture::{Capture, Captured, CapturedClose, CloseKind, NotPermitted, Side};
pub use crowd::crowd;
pub use dead_ports::{RefusedPort, SilentPort};
pub use fact_lines::FactLines;
pub use fault_proxy::{At, Fault, FaultProxy, ProxyCounts, Script};
pub use gate::Gate;
pub use invariants::{Balance, InvariantObserver, Totals};
pub use long_run::LongRun;
pub use middleware::{Edit, edits_nothing};
pub use random::Random;
pub use raw_server::{RawCounts, RawServer, Serving};
pub use sees_sockets::{BY_ITS_SESSION, SEES_SOCKETS};
pub use server::{
    BoxError, ClosedBy, Counts, ResponseBody, Seen, Served, Server, ServerBuilder, Tally,
    empty_body, full_body,
};
pub use shown::shown;
pub use storm::{cancelled, drawn, storm};
pub use upgrade_server::{UpgradeCounts, UpgradeServer};
pub use websocket_server::{
    Frame, Step, WebSocketCounts, WebSocketPeer, WebSocketSeen, WebSocketServer, WireTraffic,
    opcode,
};
pub use wire::Wire;

//! Sockets that somebody holds after their session has closed, and that are cut off.
//!
//! Held against what the library does not have: the server's count of open connections, the kernel's
//! list of sockets, and what the holder itself reads.

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, and says where"
)]

mod dropped;
mod forbidden;
mod holders;
mod pools;
mod ports;
mod unasked;

use std::io::{self, Read};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use http_context::testing::{Fact, Recorder};
use http_context::{ContextBuilder, HeldSocket, Leak, LeakKind, builder, http_session};
use http_context_tests::{Server, sockets};
use tokio::runtime::{Builder, Runtime};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A context whose facts are recorded, and which drains for no longer than it has to.
fn recorded() -> (Arc<Recorder>, ContextBuilder) {
    let recorder = Arc::new(Recorder::new());
    let context = builder()
        .observer(recorder.clone())
        .drain_timeout(Duration::from_millis(30));
    (recorder, context)
}

async fn get(server: &Server) -> Result<(), BoxError> {
    let response = http_session()?.get(server.url("/ok")).send().await?;
    response.bytes().await?;
    Ok(())
}

/// Connections whose tasks are on a runtime that nobody runs any more, so that they do not close.
#[derive(Debug)]
struct Held {
    runtime: Option<Runtime>,
    /// Other descriptors of their sockets, to read what their holder reads.
    sockets: Vec<TcpStream>,
}

impl Held {
    /// Whether what can be read from each has an end.
    fn has_ended(&self) -> bool {
        assert!(!self.sockets.is_empty());
        self.sockets.iter().all(has_ended)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let runtime = self.runtime.take();
        runtime.unwrap().shutdown_background();
    }
}

/// Makes requests in the context of the caller, on a runtime that is held and not run after that.
/// Their connections lead to `remote`.
fn held_after(
    remote: SocketAddr,
    requests: impl Future<Output = Result<(), BoxError>> + Send,
) -> Result<Held, BoxError> {
    let context = http_context::current().unwrap();
    let runtime = std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            context.sync_scope(|| runtime.block_on(requests))?;
            Ok::<_, BoxError>(runtime)
        });
        thread.join().unwrap()
    });
    Ok(Held {
        runtime: Some(runtime?),
        sockets: sockets::duplicates_to(remote),
    })
}

/// Makes a request, whose connection is held.
fn held(server: &Server) -> Result<Held, BoxError> {
    held_after(server.addr(), get(server))
}

/// Whether what can be read from it has an end. It does not block.
fn has_ended(mut socket: &TcpStream) -> bool {
    match socket.read_to_end(&mut Vec::new()) {
        Ok(_) => true,
        Err(error) => match error.kind() {
            io::ErrorKind::WouldBlock => false,
            // What its peer had to say at the end, such as that of TLS, came too late to be read.
            io::ErrorKind::ConnectionReset => true,
            _ => panic!("{error}"),
        },
    }
}

/// The leak is of a socket, with which this was done.
#[track_caller]
fn check(leaks: &[Leak], server: &Server, socket: HeldSocket) {
    let [leak] = leaks else {
        panic!("{leaks:?}");
    };
    assert_eq!(leak.kind, LeakKind::Connection);
    assert_eq!(leak.socket, Some(socket), "{leak}");
    let detail = leak.detail.as_deref().unwrap();
    assert!(detail.ends_with(&server.addr().to_string()), "{leak}");
}

async fn resolved(recorder: &Recorder) {
    let is_resolved = |fact: &Fact| matches!(fact, Fact::LeakResolved(_));
    recorder.wait_for(is_resolved).await;
    assert_eq!(recorder.leaks().len(), recorder.resolved().len());
}

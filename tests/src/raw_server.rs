//! A server that speaks no protocol of its own.

use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::watch;

use crate::runtime_thread::RuntimeThread;

/// How much of what comes unread the kernel is asked to keep: little, so that whoever writes to a peer
/// that does not read has to wait soon.
const RECEIVE_BUFFER: u32 = 4096;

/// A server on a thread of its own, each of whose connections is in the hands of a function: for peers
/// that no library can be made to be.
///
/// A connection counts as open until the future that serves it ends, which is where the socket is dropped.
#[derive(Debug)]
pub struct RawServer {
    addr: SocketAddr,
    counts: watch::Receiver<RawCounts>,
    _thread: RuntimeThread,
}

/// What a [`RawServer`] has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RawCounts {
    /// Connections that were accepted.
    pub accepted: u64,
    /// Of those, the ones that are open.
    pub open: u64,
}

/// What serves a connection.
pub type Serving = Pin<Box<dyn Future<Output = ()> + Send>>;

impl RawServer {
    /// Starts one at a free port of loopback.
    ///
    /// # Panics
    ///
    /// When there is no free port.
    pub fn start(serve: impl Fn(TcpStream) -> Serving + Send + 'static) -> Self {
        let (counts, seen) = watch::channel(RawCounts::default());
        let (thread, addr) = RuntimeThread::start("raw-server", move || {
            let socket = TcpSocket::new_v4().expect("a socket can be made");
            let sized = socket.set_recv_buffer_size(RECEIVE_BUFFER);
            sized.expect("a buffer can be small");
            let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            socket.bind(any).expect("a port of loopback is free");
            let listener = socket.listen(1024).expect("a bound socket can listen");
            let addr = listener.local_addr().expect("a listener has an address");
            let counts = Arc::new(counts);
            let accept = async move {
                loop {
                    let (socket, _) = listener.accept().await.expect("a listener accepts");
                    // It fails on a socket that the client has reset already.
                    let _ = socket.set_nodelay(true);
                    let (open, serving) = (Open::count(&counts), serve(socket));
                    tokio::spawn(async move {
                        let _open = open;
                        serving.await;
                    });
                }
            };
            (addr, accept)
        });
        Self {
            addr,
            counts: seen,
            _thread: thread,
        }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What it has counted so far.
    pub fn counts(&self) -> RawCounts {
        *self.counts.borrow()
    }

    /// Waits until the counts are as asked.
    ///
    /// # Panics
    ///
    /// When that does not happen within ten seconds. The message has the counts.
    pub async fn wait_until(&self, condition: impl FnMut(&RawCounts) -> bool + Send) -> RawCounts {
        let mut counts = self.counts.clone();
        let waiting = counts.wait_for(condition);
        if let Ok(reached) = tokio::time::timeout(crate::server::DEADLINE, waiting).await {
            return *reached.expect("the server outlives the wait");
        }
        panic!("the server did not come to it: {:?}", self.counts());
    }
}

/// Counts a connection as open until it is dropped.
struct Open(Arc<watch::Sender<RawCounts>>);

impl Open {
    fn count(counts: &Arc<watch::Sender<RawCounts>>) -> Self {
        counts.send_modify(|counts| {
            counts.accepted += 1;
            counts.open += 1;
        });
        Self(Arc::clone(counts))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.send_modify(|counts| counts.open -= 1);
    }
}

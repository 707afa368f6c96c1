//! Addresses that nobody answers at.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};

use tokio::net::{TcpListener, TcpSocket};

use crate::runtime_thread::RuntimeThread;

/// A loopback address at which every connect is refused, for as long as this
/// exists.
///
/// The port is bound and not listened on, so nobody else can take it.
#[derive(Debug)]
pub struct RefusedPort {
    addr: SocketAddr,
    _bound: TcpSocket,
}

impl RefusedPort {
    /// Takes a free port.
    ///
    /// # Panics
    ///
    /// When there is none.
    pub fn new() -> Self {
        let bound = bind();
        Self {
            addr: bound.local_addr().expect("a bound socket has an address"),
            _bound: bound,
        }
    }

    /// Where connects are refused.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }
}

impl Default for RefusedPort {
    fn default() -> Self {
        Self::new()
    }
}

/// A loopback address at which a connect neither succeeds nor fails, for as
/// long as this exists: the kernel drops what asks for a connection.
#[derive(Debug)]
pub struct SilentPort {
    addr: SocketAddr,
    _listener: RuntimeThread,
}

impl SilentPort {
    /// Takes a free port, listens on it, and fills its queue.
    ///
    /// # Panics
    ///
    /// When there is no free port.
    pub fn new() -> Self {
        let (thread, addr) = RuntimeThread::start("silent-port", || {
            let listener: TcpListener = bind().listen(0).expect("a bound socket can listen");
            let addr = listener.local_addr().expect("a listener has an address");
            let keep = async move {
                let _never_accepts = listener;
                std::future::pending::<()>().await;
            };
            (addr, keep)
        });
        // A queue for none holds one (`sk_acceptq_is_full` in the kernel). It
        // stays there after its client has gone.
        TcpStream::connect(addr).expect("the queue has room for one");
        Self {
            addr,
            _listener: thread,
        }
    }

    /// Where connects hang.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }
}

impl Default for SilentPort {
    fn default() -> Self {
        Self::new()
    }
}

fn bind() -> TcpSocket {
    let socket = TcpSocket::new_v4().expect("a socket can be made");
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    socket.bind(any).expect("a port of 127.0.0.1 is free");
    socket
}

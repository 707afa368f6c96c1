//! One connection through the proxy.

use std::{io, pin::pin, sync::Arc};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
    sync::broadcast,
};

use super::{
    ProxyCounts, Shared,
    script::{At, Fault, Script},
};

/// Carries `client` as `script` says, until both sides are done or a fault ends
/// it.
pub(super) async fn connection(
    client: TcpStream,
    script: Script,
    shared: Arc<Shared>,
    mut resets: broadcast::Receiver<()>,
) {
    // Declared before the sockets move on, so it is dropped after them.
    let open = Open::count(shared);
    let mut sides = Sides {
        client,
        server: None,
    };
    let ended = tokio::select! {
        ended = sides.carry(&script, &open.0) => ended,
        _ = resets.recv() => Err(Broken::Fault(Fault::Reset)),
    };
    match ended {
        Ok(()) => {}
        Err(Broken::Fault(fault)) => sides.strike(fault, &mut resets).await,
        Err(Broken::Io) => sides.reset(),
    }
}

/// Why a connection did not go on to its end.
enum Broken {
    Fault(Fault),
    /// One of the sides failed. The other is reset, as if it had been linked to
    /// it directly.
    Io,
}

impl From<io::Error> for Broken {
    fn from(_: io::Error) -> Self {
        Self::Io
    }
}

/// The two sockets of a connection.
struct Sides {
    client: TcpStream,
    /// There is none before the proxy has connected on.
    server: Option<TcpStream>,
}

impl Sides {
    async fn carry(&mut self, script: &Script, shared: &Shared) -> Result<(), Broken> {
        for (_, fault) in script.striking(|at| (at == At::Accept).then_some(0)) {
            shared.suffer(fault).await?;
        }
        let server = self.server.insert(TcpStream::connect(shared.target).await?);
        shared.record(|counts| counts.connected += 1);
        for stream in [&self.client, &*server] {
            stream.set_nodelay(true)?;
        }
        let (from_client, to_client) = self.client.split();
        let (from_server, to_server) = server.split();
        let requests = Direction {
            faults: script.striking(|at| match at {
                At::RequestBytes(after) => Some(after),
                At::Accept | At::ResponseBytes(_) => None,
            }),
            slice: script.slice,
            count: |counts, bytes| counts.request_bytes += bytes,
        };
        let responses = Direction {
            faults: script.striking(|at| match at {
                At::ResponseBytes(after) => Some(after),
                At::Accept | At::RequestBytes(_) => None,
            }),
            slice: script.slice,
            count: |counts, bytes| counts.response_bytes += bytes,
        };
        let requests = pin!(requests.pump(from_client, to_server, shared));
        let responses = pin!(responses.pump(from_server, to_client, shared));
        tokio::try_join!(requests, responses).map(drop)
    }

    /// What a fault does to the sockets; those that only delay are not here.
    async fn strike(&mut self, fault: Fault, resets: &mut broadcast::Receiver<()>) {
        match fault {
            Fault::Reset => self.reset(),
            Fault::Close | Fault::Stall => self.close().await,
            Fault::Say(bytes) => {
                // A client that is gone already does not listen.
                let _ = self.client.write_all(&bytes).await;
                self.close().await;
            }
            Fault::HalfClose => {
                let _ = self.client.shutdown().await;
                tokio::select! {
                    _ = self.carry_requests_only() => {}
                    _ = resets.recv() => self.reset(),
                }
            }
        }
    }

    /// Ends both streams in order. What a client still sends is read first:
    /// closing a socket with unread bytes resets it.
    async fn close(&mut self) {
        let mut rest = [0; 4096];
        while matches!(self.client.try_read(&mut rest), Ok(1..)) {}
        let _ = self.client.shutdown().await;
        if let Some(server) = &mut self.server {
            let _ = server.shutdown().await;
        }
    }

    async fn carry_requests_only(&mut self) -> io::Result<()> {
        let mut nowhere = tokio::io::sink();
        let Some(server) = &mut self.server else {
            return tokio::io::copy(&mut self.client, &mut nowhere)
                .await
                .map(drop);
        };
        let (mut from_server, mut to_server) = server.split();
        let requests = async {
            tokio::io::copy(&mut self.client, &mut to_server).await?;
            to_server.shutdown().await
        };
        let responses = tokio::io::copy(&mut from_server, &mut nowhere);
        tokio::try_join!(requests, responses).map(drop)
    }

    /// Makes the drop of each socket a reset.
    fn reset(&self) {
        for stream in std::iter::once(&self.client).chain(&self.server) {
            // It fails on a socket that the other side has reset already.
            let _ = stream.set_zero_linger();
        }
    }
}

/// One of the two directions of a connection.
struct Direction {
    /// After how many bytes, and what; in order.
    faults: Vec<(u64, Fault)>,
    slice: Option<usize>,
    count: fn(&mut ProxyCounts, u64),
}

impl Direction {
    /// Passes bytes until the end of the stream, or a fault that ends it.
    async fn pump(
        self,
        mut from: impl AsyncRead + Unpin,
        mut to: impl AsyncWrite + Unpin,
        shared: &Shared,
    ) -> Result<(), Broken> {
        let mut faults = self.faults.into_iter().peekable();
        let mut buffer = vec![0; self.slice.unwrap_or(64 * 1024)];
        let mut passed = 0;
        loop {
            while let Some((_, fault)) = faults.next_if(|(after, _)| *after <= passed) {
                shared.suffer(fault).await?;
            }
            // Not one byte more than up to the next fault.
            let until = faults.peek().map_or(u64::MAX, |(after, _)| *after - passed);
            let room = usize::try_from(until).map_or(buffer.len(), |u| u.min(buffer.len()));
            let read = from.read(&mut buffer[..room]).await?;
            if read == 0 {
                // The other direction may go on.
                return Ok(to.shutdown().await?);
            }
            to.write_all(&buffer[..read]).await?;
            passed += read as u64;
            shared.record(|counts| (self.count)(counts, read as u64));
        }
    }
}

impl Shared {
    /// Counts a fault; waits it out if it is a delay, and fails if it is not.
    async fn suffer(&self, fault: Fault) -> Result<(), Broken> {
        self.record(|counts| counts.faults += 1);
        if fault != Fault::Stall {
            return Err(Broken::Fault(fault));
        }
        let _stalled = Stalled::count(self);
        self.gate.pass().await;
        Ok(())
    }
}

/// Counts a direction as stalled while it exists.
struct Stalled<'a>(&'a Shared);

impl<'a> Stalled<'a> {
    fn count(shared: &'a Shared) -> Self {
        shared.record(|counts| counts.stalled += 1);
        Self(shared)
    }
}

impl Drop for Stalled<'_> {
    fn drop(&mut self) {
        self.0.record(|counts| counts.stalled -= 1);
    }
}

/// Counts a connection as open while it exists.
struct Open(Arc<Shared>);

impl Open {
    fn count(shared: Arc<Shared>) -> Self {
        shared.record(|counts| counts.accepted += 1);
        Self(shared)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.record(|counts| counts.closed += 1);
    }
}

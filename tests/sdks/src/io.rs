//! A connection that counts its bytes, and knows which of them came after an upgrade.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering::SeqCst};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::counts::Counts;

/// What the bytes of a connection are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Phase(Arc<AtomicU8>);

impl Phase {
    const HTTP: u8 = 0;
    /// The head of the response that upgrades it is yet to be written. The client waits for it, so that
    /// whatever comes is of the new protocol.
    const HEAD: u8 = 1;
    const UPGRADED: u8 = 2;

    /// Called before the head of the response is written.
    pub(crate) fn upgrade(&self) {
        self.0.store(Self::HEAD, SeqCst);
    }

    fn get(&self) -> u8 {
        self.0.load(SeqCst)
    }
}

/// A connection of the server.
#[derive(Debug)]
pub(crate) struct CountedIo {
    stream: TcpStream,
    phase: Phase,
    counts: watch::Sender<Counts>,
    /// The last bytes of a head that is being written.
    tail: Vec<u8>,
}

impl CountedIo {
    pub(crate) fn new(stream: TcpStream, phase: Phase, counts: watch::Sender<Counts>) -> Self {
        counts.send_modify(|counts| {
            counts.accepted += 1;
            counts.open += 1;
        });
        Self {
            stream,
            phase,
            counts,
            tail: Vec::new(),
        }
    }

    fn has_read(&self, bytes: usize) {
        let is_upgraded = self.phase.get() != Phase::HTTP;
        self.counts.send_modify(|counts| {
            counts.wire_received += bytes as u64;
            counts.upgraded_received += if is_upgraded { bytes as u64 } else { 0 };
        });
    }

    fn has_written(&mut self, bytes: &[u8]) {
        let upgraded = match self.phase.get() {
            Phase::HTTP => 0,
            Phase::UPGRADED => bytes.len(),
            _ => self.after_head(bytes),
        };
        self.counts.send_modify(|counts| {
            counts.wire_sent += bytes.len() as u64;
            counts.upgraded_sent += upgraded as u64;
        });
    }

    /// How many of these bytes come after the head.
    fn after_head(&mut self, bytes: &[u8]) -> usize {
        for (nth, byte) in bytes.iter().enumerate() {
            self.tail.push(*byte);
            if self.tail.ends_with(b"\r\n\r\n") {
                self.phase.0.store(Phase::UPGRADED, SeqCst);
                return bytes.len() - nth - 1;
            }
        }
        0
    }
}

impl Drop for CountedIo {
    fn drop(&mut self) {
        self.counts.send_modify(|counts| counts.open -= 1);
    }
}

impl AsyncRead for CountedIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        self.has_read(buf.filled().len() - before);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for CountedIo {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, buf))?;
        self.has_written(&buf[..written]);
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        // The first that has something in it: what was written is known without adding up.
        let first = bufs.iter().find(|buf| !buf.is_empty());
        self.poll_write(cx, first.map_or(&[], |buf| buf))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

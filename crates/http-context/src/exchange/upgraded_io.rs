//! An upgraded connection, as it is read and written.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead as _, AsyncWrite, ReadBuf};

use crate::connection::Connection;
use crate::facts::{UpgradeEndReason, UpgradeProtocol, UpgradeTraffic};
use crate::transport::Slot;

/// An upgraded connection, and what it keeps.
pub(super) struct Upgraded {
    pub(super) io: UpgradedIo,
    pub(super) slot: Option<Slot>,
    pub(super) connection: Option<Arc<Connection>>,
    pub(super) protocol: UpgradeProtocol,
    pub(super) traffic: Arc<UpgradeTraffic>,
    /// What has ended it, though its holder has not let go of it so far: the first that did.
    pub(super) ended: Option<UpgradeEndReason>,
    /// See [`UpgradeEnd::close_code`](crate::UpgradeEnd::close_code).
    pub(super) close_code: Option<u16>,
    /// Of the tasks that wait to read and to write, which may be two.
    pub(super) reader: Option<Waker>,
    pub(super) writer: Option<Waker>,
}

pub(super) enum UpgradedIo {
    /// `hyper` has not handed it over so far.
    Pending(OnUpgrade),
    Open(TokioIo<hyper::upgrade::Upgraded>),
}

impl Upgraded {
    pub(super) fn new(upgrade: OnUpgrade, protocol: UpgradeProtocol) -> Self {
        Self {
            io: UpgradedIo::Pending(upgrade),
            slot: None,
            connection: None,
            protocol,
            traffic: Arc::new(UpgradeTraffic::new()),
            ended: None,
            close_code: None,
            reader: None,
            writer: None,
        }
    }

    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = match self.poll_io(cx) {
            Poll::Ready(Ok(io)) => io.poll_read(cx, buf),
            other => other.map_ok(|_| ()),
        };
        let Poll::Ready(Ok(())) = polled else {
            return self.waiting(polled, Half::Read, cx);
        };
        let read = buf.filled().len() - before;
        if read > 0 {
            self.traffic.received(read as u64);
        } else if buf.remaining() > 0 {
            self.note_end(UpgradeEndReason::Remote);
        }
        Poll::Ready(Ok(()))
    }

    /// Writes, and counts what was written.
    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(
            Pin<&mut TokioIo<hyper::upgrade::Upgraded>>,
            &mut Context<'_>,
        ) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let polled = match self.poll_io(cx) {
            Poll::Ready(Ok(io)) => write(io, cx),
            other => other.map_ok(|_| 0),
        };
        if let Poll::Ready(Ok(written)) = polled {
            self.traffic.sent(written as u64);
        }
        self.waiting(polled, Half::Write, cx)
    }

    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_end(cx, AsyncWrite::poll_flush)
    }

    pub(super) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.ended.get_or_insert(UpgradeEndReason::Local);
        self.poll_end(cx, AsyncWrite::poll_shutdown)
    }

    /// Flushes, or shuts down.
    fn poll_end(
        &mut self,
        cx: &mut Context<'_>,
        end: impl FnOnce(
            Pin<&mut TokioIo<hyper::upgrade::Upgraded>>,
            &mut Context<'_>,
        ) -> Poll<io::Result<()>>,
    ) -> Poll<io::Result<()>> {
        let polled = match self.poll_io(cx) {
            Poll::Ready(Ok(io)) => end(io, cx),
            other => other.map_ok(|_| ()),
        };
        self.waiting(polled, Half::Write, cx)
    }

    fn poll_io(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Pin<&mut TokioIo<hyper::upgrade::Upgraded>>>> {
        if let UpgradedIo::Pending(upgrade) = &mut self.io {
            match ready!(Pin::new(upgrade).poll(cx)) {
                Ok(io) => self.io = UpgradedIo::Open(TokioIo::new(io)),
                Err(error) => return Poll::Ready(Err(io::Error::other(error))),
            }
        }
        match &mut self.io {
            UpgradedIo::Open(io) => Poll::Ready(Ok(Pin::new(io))),
            UpgradedIo::Pending(_) => unreachable!("it was opened above"),
        }
    }

    /// Remembers who waits, and what went wrong.
    fn waiting<T>(
        &mut self,
        polled: Poll<io::Result<T>>,
        half: Half,
        cx: &Context<'_>,
    ) -> Poll<io::Result<T>> {
        match &polled {
            Poll::Pending => {
                let waker = match half {
                    Half::Read => &mut self.reader,
                    Half::Write => &mut self.writer,
                };
                match waker {
                    Some(waker) => waker.clone_from(cx.waker()),
                    None => *waker = Some(cx.waker().clone()),
                }
            }
            Poll::Ready(Err(_)) => self.note_end(UpgradeEndReason::Failed),
            Poll::Ready(Ok(_)) => {}
        }
        polled
    }

    fn note_end(&mut self, reason: UpgradeEndReason) {
        if self.ended.is_some() {
            return;
        }
        self.ended = Some(reason);
        if let Some(connection) = &self.connection {
            connection.broken();
        }
    }
}

#[derive(Clone, Copy)]
enum Half {
    Read,
    Write,
}

//! An upgraded connection, as it is read and written.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead as _, AsyncWrite, ReadBuf};

use super::frames::{Frames, WholeMessage};
use super::open_upgrades::Listed;
use crate::connection::Connection;
use crate::facts::{Direction, MessageType, UpgradeEndReason, UpgradeProtocol, UpgradeTraffic};
use crate::transport::Slot;

/// Speaks the protocol of an upgraded connection, and can take leave of the peer in its words.
pub(crate) trait Farewell: Send + Sync {
    /// Takes leave, as far as that goes without waiting. Once is enough.
    fn say(&self);

    /// Whether the peer has answered, or never will.
    fn poll_answered(&self, cx: &mut Context<'_>) -> Poll<()>;
}

/// An upgraded connection, and what it keeps.
pub(super) struct Upgraded {
    pub(super) io: UpgradedIo,
    pub(super) slot: Option<Slot>,
    pub(super) connection: Option<Arc<Connection>>,
    pub(super) protocol: UpgradeProtocol,
    pub(super) traffic: Arc<UpgradeTraffic>,
    /// What has ended it, though its holder has not let go of it so far: the first that did.
    pub(super) ended: Option<UpgradeEndReason>,
    /// Whether the peer has closed it, or it broke.
    pub(super) is_broken: bool,
    /// See [`UpgradeEnd::close_code`](crate::UpgradeEnd::close_code).
    pub(super) close_code: Option<u16>,
    /// What a WebSocket carries each way.
    frames: Option<Box<[Frames; Direction::ALL.len()]>>,
    /// Where we speak its protocol.
    pub(super) farewell: Option<std::sync::Weak<dyn Farewell>>,
    /// Among those that are open, from the time that observers have heard of it.
    pub(super) listed: Option<Listed>,
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
    pub(super) fn new(
        upgrade: OnUpgrade,
        protocol: UpgradeProtocol,
        traffic: Arc<UpgradeTraffic>,
    ) -> Self {
        Self {
            io: UpgradedIo::Pending(upgrade),
            slot: None,
            connection: None,
            protocol,
            traffic,
            ended: None,
            is_broken: false,
            close_code: None,
            frames: (protocol == UpgradeProtocol::WebSocket)
                .then(|| Box::new([Direction::Sent, Direction::Received].map(Frames::of))),
            farewell: None,
            listed: None,
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
        let read = &buf.filled()[before..];
        if !read.is_empty() {
            self.traffic.received(read.len() as u64);
            self.note_frames(Direction::Received, read);
        } else if buf.remaining() > 0 {
            self.note_end(UpgradeEndReason::Remote);
        }
        Poll::Ready(Ok(()))
    }

    /// Writes, and counts what was written.
    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = match self.poll_io(cx) {
            Poll::Ready(Ok(io)) => match bufs {
                [buf] => io.poll_write(cx, buf),
                bufs => io.poll_write_vectored(cx, bufs),
            },
            other => other.map_ok(|_| 0),
        };
        if let Poll::Ready(Ok(written)) = polled {
            self.traffic.sent(written as u64);
            if let [buf] = bufs {
                self.note_frames(Direction::Sent, &buf[..written]);
            } else {
                let mut left = written;
                for buf in bufs {
                    let (written, _) = buf.split_at(left.min(buf.len()));
                    self.note_frames(Direction::Sent, written);
                    left -= written.len();
                }
            }
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

    #[inline]
    fn poll_io(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Pin<&mut TokioIo<hyper::upgrade::Upgraded>>>> {
        if let UpgradedIo::Pending(upgrade) = &mut self.io {
            let opened = ready!(Pin::new(upgrade).poll(cx)).map_err(io::Error::other)?;
            self.io = UpgradedIo::Open(TokioIo::new(opened));
        }
        match &mut self.io {
            UpgradedIo::Open(io) => Poll::Ready(Ok(Pin::new(io))),
            UpgradedIo::Pending(_) => unreachable!("it was opened above"),
        }
    }

    /// Remembers who waits, and what went wrong.
    #[inline]
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

    /// Whether a frame of a WebSocket has begun to come whose end has not.
    #[cfg(feature = "websocket")]
    pub(super) fn is_amid_frame(&self) -> bool {
        let received = self
            .frames
            .as_ref()
            .map(|frames| &frames[Direction::Received as usize]);
        received.is_some_and(Frames::is_amid_frame)
    }

    #[inline]
    fn note_frames(&mut self, direction: Direction, bytes: &[u8]) {
        let Some(frames) = &mut self.frames else {
            return;
        };
        let (traffic, ended, close_code) = (&self.traffic, &mut self.ended, &mut self.close_code);
        frames[direction as usize].read(
            bytes,
            |WholeMessage {
                 of,
                 close_code: code,
             }| {
                traffic.message(direction, of);
                let Some(code) = code else { return };
                let (by, is_received) = match direction {
                    Direction::Sent => (UpgradeEndReason::Local, false),
                    Direction::Received => (UpgradeEndReason::Remote, true),
                };
                ended.get_or_insert(by);
                // What comes after the peer's first is none any more (RFC 6455, 5.5.1).
                let is_first = traffic.messages(direction, MessageType::Close) == 1;
                if (is_received && is_first) || close_code.is_none() {
                    *close_code = Some(code);
                }
            },
        );
    }

    /// The peer has closed it, or it broke.
    fn note_end(&mut self, reason: UpgradeEndReason) {
        if !self.is_broken
            && self.ended != Some(UpgradeEndReason::Local)
            && let Some(connection) = &self.connection
        {
            connection.broken();
            self.is_broken = true;
        }
        self.ended.get_or_insert(reason);
    }
}

#[derive(Clone, Copy)]
enum Half {
    Read,
    Write,
}

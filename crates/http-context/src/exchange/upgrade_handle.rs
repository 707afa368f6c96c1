//! What the holder of an upgraded connection has in hand: it points to the exchange, which has the
//! connection.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use hyper::client::conn::http1;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use reqwest::Body;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::state::Exchange;
#[cfg(feature = "websocket")]
use super::upgrade_control::UpgradeControl;
use crate::facts::UpgradeTraffic;

/// The head that makes `hyper` hand over what it reads.
const HEAD: &[u8] =
    b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: any\r\n\r\n";

/// In how many turns `hyper` has to have read it. It needs two as it is written now.
const MOST_TURNS: usize = 16;

/// Reads and writes an upgraded connection for as long as its exchange has it. Dropping it closes
/// the connection.
pub(crate) struct UpgradeHandle {
    exchange: Arc<Exchange>,
    #[cfg_attr(
        not(feature = "websocket"),
        expect(dead_code, reason = "asked for by its protocol")
    )]
    traffic: Arc<UpgradeTraffic>,
    /// What is left of the head that `hyper` reads before it hands this over. None of it is there
    /// before a request was written.
    head: &'static [u8],
    is_asked: bool,
    /// Whether the exchange has the connection, which it has by the time that the response reaches
    /// the caller.
    is_handed_over: bool,
}

/// An `OnUpgrade` that resolves to a handle of the exchange, before the response reaches its caller.
///
/// `hyper` makes one only for a response that it has read. So it reads one, from the handle itself,
/// which answers at once: nothing here waits for anything.
pub(super) fn on_upgrade(
    exchange: Arc<Exchange>,
    traffic: Arc<UpgradeTraffic>,
) -> Option<OnUpgrade> {
    let handle = UpgradeHandle {
        exchange,
        traffic,
        head: HEAD,
        is_asked: false,
        is_handed_over: false,
    };
    let mut cx = Context::from_waker(Waker::noop());
    let mut handshake = Box::pin(http1::handshake::<_, Body>(TokioIo::new(handle)));
    let Poll::Ready(Ok((mut sender, connection))) = handshake.as_mut().poll(&mut cx) else {
        return None;
    };
    let request = http::Request::get("/")
        .header(http::header::CONNECTION, "upgrade")
        .header(http::header::UPGRADE, "any")
        .body(Body::default())
        .ok()?;
    let mut connection = Box::pin(connection.with_upgrades());
    let mut response = Box::pin(sender.send_request(request));
    let (mut answered, mut has_ended) = (None, false);
    // Each goes on by what the other one has done.
    for _ in 0..MOST_TURNS {
        if !has_ended && let Poll::Ready(ended) = connection.as_mut().poll(&mut cx) {
            ended.ok()?;
            has_ended = true;
        }
        if answered.is_none()
            && let Poll::Ready(response) = response.as_mut().poll(&mut cx)
        {
            answered = Some(response.ok()?);
        }
        if let Some(response) = answered.take_if(|_| has_ended) {
            return Some(hyper::upgrade::on(response));
        }
    }
    None
}

impl UpgradeHandle {
    /// What `hyper` was given, if it is one of these.
    pub(crate) fn of(upgraded: hyper::upgrade::Upgraded) -> Option<Self> {
        let parts = upgraded.downcast::<TokioIo<Self>>().ok()?;
        // It was given nothing to read ahead.
        parts.read_buf.is_empty().then(|| parts.io.into_inner())
    }

    /// What ends it while this lives on.
    #[cfg(feature = "websocket")]
    pub(crate) fn control(&self) -> UpgradeControl {
        UpgradeControl::new(Arc::clone(&self.exchange), Arc::clone(&self.traffic))
    }

    /// Whether what is read and written is the connection, and no longer the head.
    fn is_handed_over(&mut self) -> bool {
        self.is_handed_over = self.is_handed_over || self.exchange.has_handed_over();
        self.is_handed_over
    }
}

impl AsyncRead for UpgradeHandle {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.is_handed_over() {
            return self.exchange.poll_upgraded(|io| io.poll_read(cx, buf));
        }
        if self.head.is_empty() || !self.is_asked {
            return Poll::Pending;
        }
        let (now, later) = self.head.split_at(self.head.len().min(buf.remaining()));
        buf.put_slice(now);
        self.head = later;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for UpgradeHandle {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.is_handed_over() {
            let bufs = [io::IoSlice::new(buf)];
            return self.exchange.poll_upgraded(|io| io.poll_write(cx, &bufs));
        }
        // The request for the head, whatever it says.
        self.is_asked = true;
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.is_handed_over() {
            return self.exchange.poll_upgraded(|io| io.poll_write(cx, bufs));
        }
        self.is_asked = true;
        Poll::Ready(Ok(bufs.iter().map(|buf| buf.len()).sum()))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_handed_over() {
            return self.exchange.poll_upgraded(|io| io.poll_flush(cx));
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_handed_over() {
            return self.exchange.poll_upgraded(|io| io.poll_shutdown(cx));
        }
        Poll::Ready(Ok(()))
    }
}

impl Drop for UpgradeHandle {
    fn drop(&mut self) {
        // Before that the exchange has nothing to let go of.
        if self.is_handed_over() {
            self.exchange.drop_upgraded();
        }
    }
}

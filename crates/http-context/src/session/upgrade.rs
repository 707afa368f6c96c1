//! Connections that become something else than HTTP.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::header;
use hyper::upgrade::OnUpgrade;
use reqwest::Body;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::draft::Draft;
use super::execute::Execute;
use super::hold::SessionHold;
use crate::error::UpgradeError;
use crate::exchange::UpgradeHandle;

/// An upgraded connection of a session, from [`HttpSession::upgrade`](crate::HttpSession::upgrade).
///
/// It reads and writes the connection itself. It belongs to its context: it holds a slot of its host,
/// and when its session is closed, by the exit or before, it is closed too, and reading and writing
/// end with an [`io::Error`] that leads to [`SessionClosed`](crate::SessionClosed). Dropping it
/// closes the connection.
///
/// ```
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use http_context::http_session;
/// use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
///
/// let request = http_session()?.get("https://example.com/echo").header("upgrade", "echo");
/// let mut connection = request.upgrade().await?;
/// connection.write_all(b"hello").await?;
/// let mut answer = [0; 5];
/// connection.read_exact(&mut answer).await?;
/// # Ok(())
/// # }
/// ```
pub struct Upgraded {
    response: http::Response<()>,
    handle: UpgradeHandle,
}

impl Upgraded {
    /// The head that upgraded it: its status is 101.
    pub fn response(&self) -> &http::Response<()> {
        &self.response
    }
}

impl Upgraded {
    /// The head, and what reads and writes the connection.
    #[cfg(feature = "websocket")]
    pub(crate) fn into_parts(self) -> (http::Response<()>, UpgradeHandle) {
        (self.response, self.handle)
    }
}

impl AsyncRead for Upgraded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.handle).poll_read(cx, buf)
    }
}

impl AsyncWrite for Upgraded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.handle).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.handle).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.handle.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.handle).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.handle).poll_shutdown(cx)
    }
}

impl fmt::Debug for Upgraded {
    /// Without the headers, which may contain secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upgraded")
            .field("status", &self.response.status())
            .finish_non_exhaustive()
    }
}

pub(super) async fn upgrade(
    hold: SessionHold,
    mut draft: Box<Draft>,
) -> Result<Upgraded, UpgradeError> {
    let connection = draft.request.headers_mut().entry(header::CONNECTION);
    connection.or_insert(header::HeaderValue::from_static("upgrade"));
    let mut response = Execute::new(hold, draft).await?;
    let Some(upgrade) = response.extensions_mut().remove::<OnUpgrade>() else {
        return Err(UpgradeError::Refused(Box::new(response)));
    };
    // It is there at once: it leads to the exchange, which has the connection.
    match upgrade.await.ok().and_then(UpgradeHandle::of) {
        Some(handle) => Ok(Upgraded {
            response: http::Response::<Body>::from(response).map(drop),
            handle,
        }),
        None => Err(UpgradeError::Refused(Box::new(response))),
    }
}

//! Who ended a connection: whoever said so first.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Instant,
};

use super::counts::ClosedBy;

/// How a connection ended. The first one to say so is right: what comes after
/// is the other side's answer to it.
#[derive(Debug, Default)]
pub(super) struct End {
    by: Mutex<Option<(ClosedBy, Instant)>>,
    /// The client opened with the preface of HTTP/2.
    http2: AtomicBool,
}

impl End {
    pub(super) fn set(&self, who: ClosedBy) {
        let mut end = self.by.lock().unwrap_or_else(PoisonError::into_inner);
        end.get_or_insert_with(|| (who, Instant::now()));
    }

    pub(super) fn get(&self) -> Option<(ClosedBy, Instant)> {
        *self.by.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_http2(&self) -> bool {
        self.http2.load(Ordering::Relaxed)
    }
}

/// A stream that notes who ended it. Around the TLS stream where there is one:
/// a TLS client says that it closes before its socket does.
pub(super) struct Watched<S> {
    inner: S,
    /// The first read is behind it.
    opened: bool,
    end: Arc<End>,
}

impl<S> Watched<S> {
    pub(super) fn new(inner: S, end: Arc<End>) -> Self {
        Self {
            inner,
            opened: false,
            end,
        }
    }

    fn note<T>(&self, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if let Poll::Ready(Err(_)) = result {
            self.end.set(ClosedBy::Error);
        }
        result
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let had_room = buffer.remaining() > 0;
        let result = Pin::new(&mut self.inner).poll_read(context, buffer);
        let read = &buffer.filled()[before..];
        if result.is_ready() && !std::mem::replace(&mut self.opened, true) {
            let http2 = read.starts_with(b"PRI");
            self.end.http2.store(http2, Ordering::Relaxed);
        }
        if matches!(result, Poll::Ready(Ok(()))) && had_room && read.is_empty() {
            self.end.set(ClosedBy::Client);
        }
        self.note(result)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.inner).poll_write(context, data);
        self.note(result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.inner).poll_write_vectored(context, data);
        self.note(result)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.inner).poll_flush(context);
        self.note(result)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let http2 = self.end.is_http2();
        if !http2 {
            self.end.set(ClosedBy::Server);
        }
        let result = Pin::new(&mut self.inner).poll_shutdown(context);
        // In HTTP/2 a shutdown may be the answer to a GOAWAY. Over TLS it is written, and where that
        // fails, the client that said GOAWAY had closed by then.
        if http2 && matches!(result, Poll::Ready(Err(_))) {
            self.end.set(ClosedBy::Client);
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// Takes everything, until it says that it closes: its other end is gone by then.
    struct GoneBefore;

    impl AsyncWrite for GoneBefore {
        fn poll_write(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            data: &[u8],
        ) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(data.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
        }
    }

    async fn ended_by(first_bytes: &[u8]) -> Option<ClosedBy> {
        let end = Arc::new(End::default());
        let stream = tokio::io::join(first_bytes, GoneBefore);
        let mut watched = Watched::new(stream, Arc::clone(&end));
        watched.read_exact(&mut [0; 3]).await.unwrap();
        watched.shutdown().await.unwrap_err();
        end.get().map(|(who, _)| who)
    }

    #[tokio::test]
    async fn who_finds_the_other_end_gone_has_not_closed_first() {
        assert_eq!(ended_by(b"PRI * HTTP/2.0").await, Some(ClosedBy::Client));
        assert_eq!(ended_by(b"GET / HTTP/1.1").await, Some(ClosedBy::Server));
    }
}

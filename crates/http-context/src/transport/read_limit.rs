//! The limit on how long is waited for the head of a response, and for the next bytes of its body.

use std::error::Error as StdError;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use reqwest::{Body, Response};
use tokio::time::{Instant, Sleep, sleep_until};

use super::replace_body::replace_body;
use crate::error::ReadTimeout;

type BoxError = Box<dyn StdError + Send + Sync>;

/// How long is waited for what is read next, be that a head or bytes of a body.
pub(super) struct ReadLimit {
    limit: Duration,
    /// Whether nothing was there when it was last looked for.
    is_waiting: bool,
    /// Of the last wait. Set anew for each one, and not for each poll.
    timer: Option<Pin<Box<Sleep>>>,
}

impl ReadLimit {
    pub(super) fn new(limit: Duration) -> Self {
        Self {
            limit,
            is_waiting: false,
            timer: None,
        }
    }

    /// Nothing is there to be read.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ReadTimeout> {
        if !self.is_waiting {
            self.is_waiting = true;
            // A limit that lies beyond all time is none.
            let deadline = Instant::now().checked_add(self.limit);
            match (deadline, &mut self.timer) {
                (Some(deadline), Some(timer)) => timer.as_mut().reset(deadline),
                (deadline, timer) => *timer = deadline.map(|at| Box::pin(sleep_until(at))),
            }
        }
        match &mut self.timer {
            Some(timer) => ready!(timer.as_mut().poll(cx)),
            None => return Poll::Pending,
        }
        Poll::Ready(ReadTimeout { limit: self.limit })
    }

    /// Something was read: the next wait has the whole limit.
    pub(super) fn note_read(&mut self) {
        self.is_waiting = false;
    }

    /// The same response, whose body ends with [`ReadTimeout`] when its reader has waited for the
    /// limit.
    pub(super) fn of_body(mut self: Box<Self>, response: Response) -> Response {
        self.note_read();
        replace_body(response, |body| {
            Body::wrap(LimitedBody {
                inner: body,
                limit: self,
            })
        })
    }
}

struct LimitedBody {
    inner: Body,
    limit: Box<ReadLimit>,
}

impl http_body::Body for LimitedBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        // Before the timer: what has come in time counts, however late its reader comes for it.
        if let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(cx) {
            self.limit.note_read();
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let timeout = ready!(self.limit.poll(cx));
        Poll::Ready(Some(Err(timeout.into_io().into())))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::task::Waker;

    use tokio::sync::mpsc;
    use tokio::time::advance;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    /// A body of what is sent.
    struct Sent(mpsc::UnboundedReceiver<&'static str>);

    impl http_body::Body for Sent {
        type Data = Bytes;
        type Error = BoxError;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
            let sent = ready!(self.0.poll_recv(cx));
            Poll::Ready(sent.map(|text| Ok(Frame::data(text.into()))))
        }
    }

    fn limited(limit: Duration) -> (mpsc::UnboundedSender<&'static str>, Body) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let response = http::Response::new(Body::wrap(Sent(receiver)));
        let limited = Box::new(ReadLimit::new(limit)).of_body(response.into());
        (sender, limited.into())
    }

    fn poll(body: &mut Body) -> Poll<Option<Result<Bytes, reqwest::Error>>> {
        let mut cx = Context::from_waker(Waker::noop());
        let polled = http_body::Body::poll_frame(Pin::new(body), &mut cx);
        polled.map_ok(|frame| frame.into_data().unwrap())
    }

    fn is_timeout(polled: Poll<Option<Result<Bytes, reqwest::Error>>>) -> bool {
        matches!(polled, Poll::Ready(Some(Err(error))) if ReadTimeout::find(&error).is_some())
    }

    #[tokio::test(start_paused = true)]
    async fn each_wait_has_the_whole_limit() {
        let (sender, mut body) = limited(LIMIT);
        for _ in 0..3 {
            assert!(poll(&mut body).is_pending());
            advance(LIMIT * 9 / 10).await;
            assert!(poll(&mut body).is_pending());
            sender.send("more").unwrap();
            assert!(matches!(poll(&mut body), Poll::Ready(Some(Ok(_)))));
        }
        assert!(poll(&mut body).is_pending());
        advance(LIMIT).await;
        assert!(is_timeout(poll(&mut body)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_who_comes_late_is_not_the_server_s_fault() {
        let (sender, mut body) = limited(LIMIT);
        sender.send("one").unwrap();
        advance(LIMIT * 2).await;
        assert!(matches!(poll(&mut body), Poll::Ready(Some(Ok(_)))));
        advance(LIMIT * 2).await;
        // Only from here on somebody waits.
        assert!(poll(&mut body).is_pending());
        sender.send("two").unwrap();
        advance(LIMIT * 2).await;
        assert!(matches!(poll(&mut body), Poll::Ready(Some(Ok(_)))));
    }

    #[tokio::test(start_paused = true)]
    async fn the_wait_for_the_head_does_not_count_for_the_body() {
        let mut limit = Box::new(ReadLimit::new(LIMIT));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(limit.poll(&mut cx).is_pending());
        advance(LIMIT).await;
        let (_sender, receiver) = mpsc::unbounded_channel();
        let response = http::Response::new(Body::wrap(Sent(receiver)));
        let mut body = limit.of_body(response.into()).into();
        assert!(poll(&mut body).is_pending());
        advance(LIMIT).await;
        assert!(is_timeout(poll(&mut body)));
    }

    #[tokio::test(start_paused = true)]
    async fn one_who_waits_is_woken_when_the_time_is_over() {
        let (_sender, mut body) = limited(LIMIT);
        let frame = poll_fn(|cx| http_body::Body::poll_frame(Pin::new(&mut body), cx)).await;
        assert!(is_timeout(Poll::Ready(
            frame.map(|frame| frame.map(|_| Bytes::new()))
        )));
    }

    #[tokio::test(start_paused = true)]
    async fn a_limit_beyond_all_time_is_none() {
        let (_sender, mut body) = limited(Duration::MAX);
        assert!(poll(&mut body).is_pending());
        advance(Duration::from_secs(1000 * 60 * 60)).await;
        assert!(poll(&mut body).is_pending());
    }
}

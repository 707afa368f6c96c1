//! The limit on how long the body of a response may be.

use std::error::Error as StdError;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use reqwest::Body;

use crate::error::BodyTooLarge;

type BoxError = Box<dyn StdError + Send + Sync>;

/// Ends a body with [`BodyTooLarge`] in place of the frame that goes past the limit; of the first
/// one, when a length was announced that does.
pub(super) fn limit(body: Body, limit: u64) -> Body {
    Body::wrap(LimitedBody {
        inner: body,
        limit,
        left: limit,
    })
}

struct LimitedBody {
    inner: Body,
    limit: u64,
    left: u64,
}

impl http_body::Body for LimitedBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        let Some(Ok(frame)) = frame else {
            return Poll::Ready(frame.map(|failed| failed.map_err(Into::into)));
        };
        let length = frame.data_ref().map_or(0, Bytes::len) as u64;
        // What is announced is only looked at once something came: the answer to a `HEAD` has the
        // length of a body that does not follow.
        let announced = self.inner.size_hint().lower();
        let left = self.left.checked_sub(length);
        let Some(left) = left.filter(|left| announced <= *left) else {
            let too_large = BodyTooLarge { limit: self.limit };
            return Poll::Ready(Some(Err(too_large.into())));
        };
        self.left = left;
        Poll::Ready(Some(Ok(frame)))
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
    use http_body::Body as _;
    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn a_body_within_the_limit_is_as_it_was() {
        let mut body = limit(Body::from("four"), 4);
        assert_eq!(body.size_hint().exact(), Some(4));
        assert!(!body.is_end_stream());
        let frame = body.frame().await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), "four");
        assert!(body.is_end_stream());
        assert!(body.frame().await.is_none());
    }

    #[tokio::test]
    async fn a_body_beyond_the_limit_ends_with_an_error_that_says_so() {
        let error = limit(Body::from("four"), 3).collect().await.unwrap_err();
        let found = BodyTooLarge::find(&error);
        assert_eq!(found, Some(&BodyTooLarge { limit: 3 }));
        assert_eq!(BodyTooLarge::find(&std::fmt::Error), None);
    }
}

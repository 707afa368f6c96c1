//! The traits of `opendal`.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use http::{Method, Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_context::ErrorKind as Kind;
use http_context::bytes::Bytes;
use opendal_core::raw::{BoxedStaticFuture, parse_content_encoding, parse_content_length};
use opendal_core::{Buffer, Error, ErrorKind, Execute, HttpBody, HttpTransport, Result};

use crate::adapter::SessionAdapter;
use crate::error::SendError;

/// For `HttpTransporter::new` of `opendal` (feature `opendal`), which is told to an operator by its
/// context.
///
/// An operator makes its requests in the task that calls it, except where it reads or writes
/// concurrently: those it makes in tasks of its executor. An ambient adapter is that as well, and its
/// tasks are children of the context that they are spawned in.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use http_context_adapters::SessionAdapter;
/// use opendal_core::{Executor, HttpTransporter, OperationContext, Operator};
/// use opendal_service_http::Http;
///
/// let adapter = SessionAdapter::ambient();
/// let context = OperationContext::new()
///     .with_http_transport(HttpTransporter::new(adapter.clone()))
///     .with_executor(Executor::with(adapter));
/// let files = Http::default().endpoint("https://files.example.com");
/// let files = Operator::new(files)?.with_context(context);
///
/// http_context::open(async || {
///     let report = files.read_with("reports/today.csv").concurrent(8).await?;
///     println!("{} bytes", report.len());
///     Ok::<_, Box<dyn std::error::Error>>(())
/// })
/// .await
/// # }
/// ```
impl HttpTransport for SessionAdapter {
    async fn fetch(&self, request: Request<Buffer>) -> Result<Response<HttpBody>> {
        let (uri, is_head) = (request.uri().clone(), request.method() == Method::HEAD);
        let response = self
            .send(request.map(into_body))
            .await
            .map_err(of_request)?;
        // Of what is packed the length says nothing of what comes out, and of a `HEAD` there is none.
        let is_packed = parse_content_encoding(response.headers())?.is_some();
        let length = if is_head || is_packed {
            None
        } else {
            parse_content_length(response.headers())?
        };
        let mut response = response.map(|body| HttpBody::new(Pieces(body), length));
        // Where a service looks for the place of what went wrong.
        response.extensions_mut().insert(uri);
        Ok(response)
    }
}

/// A task is a child of the context that it is spawned in: it finds that session, and the exit waits for
/// it.
impl Execute for SessionAdapter {
    fn execute(&self, future: BoxedStaticFuture<()>) {
        drop(http_context::spawn(future));
    }
}

/// One in a single piece is handed on as it is, since it can be sent again then.
fn into_body(buffer: Buffer) -> reqwest::Body {
    let first = buffer.current();
    if first.len() == buffer.len() {
        first.into()
    } else {
        reqwest::Body::wrap(BufferBody(buffer))
    }
}

/// A buffer of several pieces.
struct BufferBody(Buffer);

impl Body for BufferBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<std::result::Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.next().map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.len() as u64)
    }
}

/// The body of a response. An empty piece would be taken for its end.
struct Pieces(reqwest::Body);

impl Stream for Pieces {
    type Item = Result<Buffer>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Buffer>>> {
        loop {
            let frame = match ready!(Pin::new(&mut self.0).poll_frame(cx)) {
                Some(Ok(frame)) => frame,
                Some(Err(error)) => {
                    let kind = Kind::of(&error);
                    return Poll::Ready(Some(Err(
                        failed("the body of a response failed", kind).set_source(error)
                    )));
                }
                None => return Poll::Ready(None),
            };
            if let Ok(piece) = frame.into_data()
                && !piece.is_empty()
            {
                return Poll::Ready(Some(Ok(piece.into())));
            }
        }
    }
}

fn of_request(error: SendError) -> Error {
    let kind = match error.kind() {
        _ if error.is_connect() => Kind::Connection,
        kind => kind,
    };
    let failed = failed("a request got no response", kind);
    match error {
        SendError::Session(error) => failed.set_source(error),
        SendError::Request(error) => failed.set_source(error),
        error @ SendError::Body(_) => failed.set_source(error),
    }
}

/// An error that is temporary where the same request may well fare better.
fn failed(message: &'static str, kind: Kind) -> Error {
    let is_temporary = matches!(
        kind,
        Kind::Timeout
            | Kind::QueueTimeout
            | Kind::Connection
            | Kind::NameResolution
            | Kind::ResponseEnded
            | Kind::InvalidResponse
    );
    Error::new(ErrorKind::Unexpected, message).with_temporary(is_temporary)
}

//! What the server answers, by path. The list is in the documentation of
//! [`Server`](super::Server).

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use http_body::{Body, Frame};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

use super::{
    Shared,
    body::{BoxError, ResponseBody, cut, empty_body, full_body, pattern},
    counts::Ledger,
};
use crate::Gate;

/// A handler that a test supplies.
pub(super) type Handler =
    Arc<dyn Fn(Request<Incoming>) -> BoxFuture<Response<ResponseBody>> + Send + Sync>;

pub(super) type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Bytes handed to the transport at a time, small enough that a long body is
/// still on its way when a client turns away.
const PIECE: usize = 16 * 1024;

/// The answer, or the error that stands for having none.
pub(super) async fn answer(
    request: Request<Incoming>,
    shared: &Shared,
) -> Result<Response<ResponseBody>, BoxError> {
    let path = request.uri().path().to_owned();
    if let Some(handler) = shared.handlers.get(&path) {
        return Ok(handler(request).await);
    }
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    Ok(match segments.as_slice() {
        ["ok"] => Response::new(full_body("ok")),
        ["bytes", n] => match n.parse() {
            Ok(n) => Response::new(pattern(n, PIECE, true)),
            Err(_) => status(StatusCode::BAD_REQUEST),
        },
        ["chunked", n, k] => match (n.parse::<u64>(), k.parse::<u32>()) {
            (Ok(n), Ok(k)) => Response::new(pattern(n.saturating_mul(k.into()), k as usize, false)),
            _ => status(StatusCode::BAD_REQUEST),
        },
        ["status", code] => status(code.parse().unwrap_or(StatusCode::BAD_REQUEST)),
        ["redirect", n] => redirect(n),
        ["slow-head"] => slow_head("", shared).await,
        ["slow-head", gate] => slow_head(gate, shared).await,
        ["slow-body"] => slow_body("", shared),
        ["slow-body", gate] => slow_body(gate, shared),
        ["echo"] => echo(request, shared),
        ["upload"] => upload(request, shared).await,
        ["close"] => close(),
        ["trailers"] => trailers(),
        ["never"] => {
            let _held = Held::count(&shared.ledger);
            std::future::pending().await
        }
        ["cut", n] => cut_after(n, true),
        ["cut-chunked", n] => cut_after(n, false),
        ["reset", code] => return Err(stream_error(code)),
        ["reset", code, times] => match times.parse::<u64>() {
            Ok(times) if shared.asked(&path) <= times => return Err(stream_error(code)),
            Ok(_) => Response::new(full_body("ok")),
            Err(_) => status(StatusCode::BAD_REQUEST),
        },
        ["reset-body", code] => Response::new(cut("first", None, stream_error(code))),
        _ => status(StatusCode::NOT_FOUND),
    })
}

fn status(code: StatusCode) -> Response<ResponseBody> {
    let mut response = Response::new(empty_body());
    *response.status_mut() = code;
    response
}

fn redirect(hops: &str) -> Response<ResponseBody> {
    let location = match hops.parse::<u32>() {
        Ok(0) => return Response::new(full_body("ok")),
        Ok(hops) => format!("/redirect/{}", hops - 1),
        Err(_) => return status(StatusCode::BAD_REQUEST),
    };
    let mut response = status(StatusCode::FOUND);
    let location = HeaderValue::from_str(&location).expect("a path of digits is a header value");
    response.headers_mut().insert(header::LOCATION, location);
    response
}

fn cut_after(bytes: &str, announced: bool) -> Response<ResponseBody> {
    let Ok(bytes) = bytes.parse::<u32>() else {
        return status(StatusCode::BAD_REQUEST);
    };
    let announced = announced.then_some(u64::from(bytes) + 1);
    let first = vec![b'x'; bytes as usize];
    Response::new(cut(first, announced, "cut off, as asked"))
}

/// The HTTP/2 error code of that number.
fn stream_error(code: &str) -> BoxError {
    let code = code.parse::<u32>().unwrap_or(0);
    h2::Error::from(h2::Reason::from(code)).into()
}

async fn slow_head(gate: &str, shared: &Shared) -> Response<ResponseBody> {
    let held = Held::count(&shared.ledger);
    shared.gate(gate).pass().await;
    drop(held);
    Response::new(full_body("ok"))
}

fn slow_body(gate: &str, shared: &Shared) -> Response<ResponseBody> {
    let (gate, ledger) = (shared.gate(gate), Arc::clone(&shared.ledger));
    Response::new(SlowBody::new(gate, ledger).boxed_unsync())
}

fn echo(request: Request<Incoming>, shared: &Shared) -> Response<ResponseBody> {
    let content_type = request.headers().get(header::CONTENT_TYPE).cloned();
    let ledger = Arc::clone(&shared.ledger);
    let body = request.into_body().map_frame(move |frame| {
        let bytes = frame.data_ref().map_or(0, Bytes::len);
        ledger.record(|counts| counts.request_bytes += bytes as u64);
        frame
    });
    let mut response = Response::new(body.map_err(Into::into).boxed_unsync());
    if let Some(content_type) = content_type {
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, content_type);
    }
    response
}

async fn upload(request: Request<Incoming>, shared: &Shared) -> Response<ResponseBody> {
    let mut body = request.into_body();
    let mut total = 0;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return status(StatusCode::BAD_REQUEST);
        };
        let bytes = frame.data_ref().map_or(0, Bytes::len) as u64;
        shared.ledger.record(|counts| counts.request_bytes += bytes);
        total += bytes;
    }
    Response::new(full_body(total.to_string()))
}

fn close() -> Response<ResponseBody> {
    let mut response = Response::new(full_body("ok"));
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

fn trailers() -> Response<ResponseBody> {
    let trailers = async {
        let mut trailers = HeaderMap::new();
        trailers.insert("x-trailer", HeaderValue::from_static("after"));
        Some(Ok(trailers))
    };
    let body = pattern(2, PIECE, false).with_trailers(trailers);
    let mut response = Response::new(body.boxed_unsync());
    let headers = response.headers_mut();
    headers.insert(header::TRAILER, HeaderValue::from_static("x-trailer"));
    response
}

/// Counts a request as held while it exists.
struct Held(Arc<Ledger>);

impl Held {
    fn count(ledger: &Arc<Ledger>) -> Self {
        ledger.record(|counts| counts.held += 1);
        Self(Arc::clone(ledger))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.record(|counts| counts.held -= 1);
    }
}

/// Two pieces of five bytes with a gate between them.
struct SlowBody {
    /// Counts the body as held from the first piece to the second.
    waiting: Option<(Held, BoxFuture<()>)>,
    gate: Option<(Gate, Arc<Ledger>)>,
}

impl SlowBody {
    fn new(gate: Gate, ledger: Arc<Ledger>) -> Self {
        Self {
            waiting: None,
            gate: Some((gate, ledger)),
        }
    }
}

impl Body for SlowBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Some((gate, ledger)) = self.gate.take() {
            let held = Held::count(&ledger);
            self.waiting = Some((held, Box::pin(async move { gate.pass().await })));
            return Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"first")))));
        }
        let Some((_, passage)) = &mut self.waiting else {
            return Poll::Ready(None);
        };
        std::task::ready!(passage.as_mut().poll(context));
        self.waiting = None;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"rest.")))))
    }

    fn is_end_stream(&self) -> bool {
        self.gate.is_none() && self.waiting.is_none()
    }
}

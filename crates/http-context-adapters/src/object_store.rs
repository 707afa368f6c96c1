//! The traits of `object_store`.

use std::error::Error as StdError;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;
use http_body::Body as _;
use http_body_util::BodyExt as _;
use http_context::ErrorKind;
use http_context::bytes::Bytes;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody,
    HttpResponse, HttpResponseBody, HttpService,
};

use crate::adapter::SessionAdapter;
use crate::error::SendError;

/// For `with_http_connector` of the builders of `object_store` (feature `object-store`).
///
/// The stores make each request in the task that calls them, also the parts of a multipart upload and
/// the refresh of credentials; only `WriteMultipart` and `BufWriter` upload in tasks of their own, and
/// so do those who spawn the futures of `MultipartUpload::put_part`. So a store that is made once is
/// ambient, and one that is written to by those two is captured, or ambient with a session to fall
/// back to. The [`ClientOptions`] are not applied: the session has its own.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use http_context_adapters::SessionAdapter;
/// use object_store::{ObjectStoreExt as _, http::HttpBuilder, path::Path};
///
/// let store = HttpBuilder::new()
///     .with_url("https://files.example.com")
///     .with_http_connector(SessionAdapter::ambient())
///     .build()?;
///
/// http_context::open(async || {
///     let report = store.get(&Path::from("reports/today.csv")).await?.bytes().await?;
///     println!("{} bytes", report.len());
///     Ok::<_, Box<dyn std::error::Error>>(())
/// })
/// .await
/// # }
/// ```
impl HttpConnector for SessionAdapter {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

/// What was not sent is of a kind that is always sent again, and what may have been sent of one that is
/// sent again if that does no harm. A session that is closed, or none, is of one that never is.
#[async_trait]
impl HttpService for SessionAdapter {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let sent = self.send(request.map(into_body));
        let response = sent.await.map_err(of_request)?;
        Ok(response.map(|body| HttpResponseBody::new(body.map_err(of_body))))
    }
}

/// One in a single piece is handed on as it is, since it can be sent again then.
fn into_body(body: HttpRequestBody) -> reqwest::Body {
    match first_piece(body.clone()) {
        Some(piece) if piece.len() == body.content_length() => piece.into(),
        _ => reqwest::Body::wrap(body),
    }
}

/// What there is in memory is there at once.
fn first_piece(mut body: HttpRequestBody) -> Option<Bytes> {
    let mut cx = Context::from_waker(Waker::noop());
    match Pin::new(&mut body).poll_frame(&mut cx) {
        Poll::Ready(frame) => frame?.ok()?.into_data().ok(),
        Poll::Pending => None,
    }
}

fn of_request(error: SendError) -> HttpError {
    let kind = match error.kind() {
        _ if error.is_connect() => HttpErrorKind::Connect,
        // It waited in the queue.
        ErrorKind::QueueTimeout => HttpErrorKind::Request,
        kind => of_kind(kind),
    };
    HttpError::new_boxed(kind, error.into_source())
}

fn of_body(error: reqwest::Error) -> HttpError {
    let kind = of_kind(ErrorKind::of(&error as &(dyn StdError + 'static)));
    HttpError::new(kind, error)
}

/// Of what may have been sent.
fn of_kind(kind: ErrorKind) -> HttpErrorKind {
    match kind {
        ErrorKind::Timeout => HttpErrorKind::Timeout,
        ErrorKind::Connection | ErrorKind::ResponseEnded => HttpErrorKind::Interrupted,
        ErrorKind::InvalidResponse => HttpErrorKind::Decode,
        _ => HttpErrorKind::Unknown,
    }
}

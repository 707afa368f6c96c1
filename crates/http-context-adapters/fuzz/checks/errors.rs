//! Whatever a server answers, each SDK is told of it as it needs to be to do the right thing: what is whole
//! is given as it came, what broke off may be asked for again, and what is no HTTP is nobody's fault here.
//! What the answer is, is said by another reader of heads and by the lengths in them.

use std::sync::Arc;

use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use bytes::Bytes;
use http_body_util::BodyExt as _;
use http_context::{OpenError, RedirectPolicy};
use http_context_adapters::SessionAdapter;
use object_store::client::{HttpErrorKind, HttpRequestBody, HttpService};
use opendal_core::{Buffer, HttpTransport as _};
use opentelemetry_http::HttpClient as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::UnixStream;

use crate::server::{self, Begun};

const URL: &str = "http://sdk.test/?sig=hunter2";

/// What came, or what is to be done about it.
#[derive(Debug, PartialEq)]
enum Outcome {
    Whole(u16, Vec<u8>),
    /// It may be asked for again.
    Retry,
    /// It may not, or nobody knows.
    Fail,
    /// It was not even said to be of the server: never so.
    User,
}

/// What the answer is, for a reader that knows the plain forms.
fn told(bytes: &[u8]) -> Option<Outcome> {
    let mut headers = [httparse::EMPTY_HEADER; 100];
    let mut response = httparse::Response::new(&mut headers);
    let head = match response.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Some(Outcome::Retry),
        // What hyper reads more kindly, or the other way round.
        Err(_) => return None,
    };
    let status = response.code?;
    // Those have no body, go on, or become something else.
    if !(200..600).contains(&status) || matches!(status, 204 | 304) {
        return None;
    }
    let mut lengths = response.headers.iter().filter(|header| {
        ["content-length", "transfer-encoding", "content-encoding"]
            .iter()
            .any(|name| header.name.eq_ignore_ascii_case(name))
    });
    let body = &bytes[head..];
    let length = match (lengths.next(), lengths.next()) {
        // It ends with the connection.
        (None, _) => return Some(Outcome::Whole(status, body.to_vec())),
        (Some(one), None) if one.name.eq_ignore_ascii_case("content-length") => {
            let length = std::str::from_utf8(one.value).ok()?;
            // With a sign it is none, and a number for the standard library.
            let is_number = length.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then(|| length.parse::<usize>().ok()).flatten()?
        }
        _ => return None,
    };
    Some(if body.len() < length {
        Outcome::Retry
    } else {
        Outcome::Whole(status, body[..length].to_vec())
    })
}

/// Answers each request with these bytes, and the end.
pub(crate) fn check(bytes: &[u8]) {
    let expected = told(bytes);
    let bytes = Arc::new(bytes.to_vec());
    let outcomes = server::run(
        |context| {
            let context = context.redirect(RedirectPolicy::none());
            context.open(async {
                let adapter = SessionAdapter::ambient();
                let shown = shown(&adapter).await;
                assert!(!shown.contains("hunter2"), "{shown}");
                Ok::<_, OpenError>([
                    ("aws", aws(&adapter).await),
                    ("object_store", object_store(&adapter).await),
                    ("opendal", opendal(&adapter).await),
                    ("oauth2", oauth2(&adapter).await),
                    ("opentelemetry", opentelemetry(&adapter).await),
                ])
            })
        },
        move |stream| serve(stream, Arc::clone(&bytes)),
    );
    for (sdk, outcome) in outcomes.expect("nothing refuses it") {
        assert_ne!(outcome, Outcome::User, "{sdk}");
        match (&expected, &outcome) {
            (None, _) => {}
            // These two tell of an error, and not what is to be done about it.
            (Some(Outcome::Retry), Outcome::Fail) if ["oauth2", "opentelemetry"].contains(&sdk) => {
            }
            (Some(expected), outcome) => assert_eq!(outcome, expected, "{sdk}"),
        }
    }
}

/// What a failure says.
async fn shown(adapter: &SessionAdapter) -> String {
    let request = http::Request::get(URL).body(reqwest::Body::default());
    match adapter.send(request.expect("it is a request")).await {
        Ok(response) => match response.into_body().collect().await {
            Ok(_) => String::new(),
            Err(error) => format!("{error} {error:?}"),
        },
        Err(error) => format!("{error} {error:?}"),
    }
}

async fn aws(adapter: &SessionAdapter) -> Outcome {
    let request = HttpRequest::get(URL).expect("it is a request");
    let response = match HttpConnector::call(adapter, request).await {
        Ok(response) => response,
        Err(error) if error.is_io() || error.is_timeout() => return Outcome::Retry,
        Err(error) if error.is_user() => return Outcome::User,
        Err(_) => return Outcome::Fail,
    };
    let status = response.status().as_u16();
    // Of a body the SDKs do not ask what its error is: whoever reads it begins again.
    let body = response.into_body().collect().await;
    body.map_or(Outcome::Retry, |body| {
        Outcome::Whole(status, body.to_bytes().to_vec())
    })
}

async fn object_store(adapter: &SessionAdapter) -> Outcome {
    let of = |error: &object_store::client::HttpError| match error.kind() {
        HttpErrorKind::Interrupted | HttpErrorKind::Timeout => Outcome::Retry,
        // Never sent, which it was.
        HttpErrorKind::Connect | HttpErrorKind::Request => Outcome::User,
        _ => Outcome::Fail,
    };
    let request = http::Request::get(URL).body(HttpRequestBody::empty());
    let response = match HttpService::call(adapter, request.expect("it is a request")).await {
        Ok(response) => response,
        Err(error) => return of(&error),
    };
    let status = response.status().as_u16();
    match response.into_body().bytes().await {
        Ok(body) => Outcome::Whole(status, body.to_vec()),
        Err(error) => of(&error),
    }
}

async fn opendal(adapter: &SessionAdapter) -> Outcome {
    let of = |error: &opendal_core::Error| {
        if error.is_temporary() {
            Outcome::Retry
        } else {
            Outcome::Fail
        }
    };
    let request = http::Request::get(URL).body(Buffer::new());
    let response = match adapter.fetch(request.expect("it is a request")).await {
        Ok(response) => response,
        Err(error) => return of(&error),
    };
    let status = response.status().as_u16();
    match response.into_body().to_buffer().await {
        Ok(body) => Outcome::Whole(status, body.to_vec()),
        Err(error) => of(&error),
    }
}

async fn oauth2(adapter: &SessionAdapter) -> Outcome {
    let request = http::Request::get(URL).body(Vec::new());
    let request = request.expect("it is a request");
    match oauth2::AsyncHttpClient::call(adapter, request).await {
        Ok(response) => Outcome::Whole(response.status().as_u16(), response.into_body()),
        Err(_) => Outcome::Fail,
    }
}

async fn opentelemetry(adapter: &SessionAdapter) -> Outcome {
    let request = http::Request::get(URL).body(Bytes::new());
    match adapter.send_bytes(request.expect("it is a request")).await {
        Ok(response) => Outcome::Whole(response.status().as_u16(), response.into_body().to_vec()),
        Err(_) => Outcome::Fail,
    }
}

async fn serve(mut stream: UnixStream, bytes: Arc<Vec<u8>>) {
    if let Begun::Head(_) = server::read_head(&mut stream).await {
        // The client may be gone.
        let _ = stream.write_all(&bytes).await;
    }
}

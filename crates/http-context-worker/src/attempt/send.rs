//! The requests of a job, sent through the session of the context that it runs in.
//!
//! Nothing is handed down to this code but the job: it asks [`http_session`] for the session, like
//! any plug-in or helper would. Every response is read to its end, because a connection serves the
//! next request only then.

use std::error::Error;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, stream};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use http_context::{ConnectionUse, RequestError, http_session};
use serde::Serialize;
use tokio::time::Instant;

use crate::attempt::retry_after::retry_after;
use crate::job::{Job, RequestSpec};

/// How long a request may take when its job does not say.
pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_mins(5);

/// What became of one request, as it stands in the result line.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RequestOutcome {
    /// The status of the response, when there was one.
    pub status: Option<u16>,
    /// Bytes of the response's body.
    pub bytes: u64,
    /// From the start of the request to the last byte of its response, in milliseconds.
    pub duration_ms: f64,
    /// Whether the connection was `new` or `reused`; `unknown` without a response.
    pub connection: &'static str,
    /// Why there is no whole response. Holds no URL and no header.
    pub error: Option<String>,
    /// How long a response of status 400 or above asks to wait.
    #[serde(skip)]
    pub retry_after: Option<Duration>,
}

/// The code of a job: it runs inside the job's context.
pub type JobCode = fn(Arc<Job>) -> BoxFuture<'static, Vec<RequestOutcome>>;

/// Sends the requests in order, as many at once as the job asks for. The outcomes are in the same
/// order. A failed request does not keep the later ones from being sent.
pub fn send_all(job: Arc<Job>) -> BoxFuture<'static, Vec<RequestOutcome>> {
    async move {
        let at_once = job.concurrency.max(1);
        stream::iter(0..job.requests.len())
            .map(|index| {
                let job = Arc::clone(&job);
                async move { send(&job.requests[index]).await }
            })
            .buffered(at_once)
            .collect()
            .await
    }
    .boxed()
}

/// Sends one request and reads its response to the end.
pub(crate) async fn send(spec: &RequestSpec) -> RequestOutcome {
    let began = Instant::now();
    let mut outcome = RequestOutcome {
        status: None,
        bytes: 0,
        duration_ms: 0.0,
        connection: ConnectionUse::Unknown.as_str(),
        error: None,
        retry_after: None,
    };
    outcome.error = exchange(spec, &mut outcome).await.err();
    outcome.duration_ms = (began.elapsed().as_secs_f64() * 1e6).round() / 1e3;
    outcome
}

async fn exchange(spec: &RequestSpec, outcome: &mut RequestOutcome) -> Result<(), String> {
    let session = http_session().map_err(|error| chain(&error))?;
    let method = Method::from_bytes(spec.method.as_bytes()).map_err(|error| chain(&error))?;
    let timeout = spec
        .timeout_ms
        .map_or(DEFAULT_TIMEOUT, Duration::from_millis);
    let mut request = session
        .request(method, &spec.url)
        .headers(headers(spec)?)
        .timeout(timeout);
    if let Some(body) = &spec.body {
        request = request.body(body.clone());
    }
    let mut response = request
        .send()
        .await
        .map_err(|error| request_error(&error))?;
    outcome.status = Some(response.status().as_u16());
    let status = response.status();
    if status.is_client_error() || status.is_server_error() {
        outcome.retry_after = retry_after(response.headers());
    }
    outcome.connection = response
        .extensions()
        .get::<ConnectionUse>()
        .copied()
        .unwrap_or(ConnectionUse::Unknown)
        .as_str();
    while let Some(chunk) = response.chunk().await.map_err(|error| chain(&error))? {
        outcome.bytes += chunk.len() as u64;
    }
    Ok(())
}

fn headers(spec: &RequestSpec) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::with_capacity(spec.headers.len());
    for (name, value) in &spec.headers {
        headers.append(
            HeaderName::from_bytes(name.as_bytes()).map_err(|error| chain(&error))?,
            HeaderValue::from_bytes(value.as_bytes()).map_err(|error| chain(&error))?,
        );
    }
    Ok(headers)
}

/// The error in words, without the URL: its path may hold secrets that no list knows.
fn request_error(error: &RequestError) -> String {
    chain(error.source().unwrap_or(error))
}

/// An error and its causes, each said once, without URLs: their queries may hold secrets that no list
/// knows.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = without_url(error.to_string());
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = without_url(cause.to_string());
        if !text.contains(&cause_text) {
            let _ = write!(text, ": {cause_text}");
        }
        next = cause.source();
    }
    text
}

/// The text of an error of `reqwest` without its URL, which comes last in it.
fn without_url(mut text: String) -> String {
    if let Some(at) = text.find(" for url (") {
        text.truncate(at);
    }
    text
}

//! The requests of a job, sent through the session of the context that it runs in.
//!
//! Nothing is handed down to this code but the job: it asks [`http_session`] for the session, like
//! any plug-in or helper would. Every response is read to its end, because a connection serves the
//! next request only then.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use http_context::{ConnectionUse, http_session};
use serde::Serialize;
use tokio::time::Instant;

use crate::error_text::{chain, request_error};
use crate::program::attempt::retry_after::retry_after;
use crate::program::job::{Job, RequestSpec};

/// How long a request or a conversation may take when its job does not say.
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

/// Sends the requests in order, as many at once as the job asks for. The outcomes are in the same
/// order. A failed request does not keep the later ones from being sent.
pub(crate) async fn send_all(job: &Job) -> Vec<RequestOutcome> {
    stream::iter(&job.requests)
        .map(send)
        .buffered(job.concurrency.max(1))
        .collect()
        .await
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
    outcome.duration_ms = millis_since(began);
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
        .headers(headers(&spec.headers)?)
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

/// Milliseconds, to the microsecond.
pub(crate) fn millis_since(began: Instant) -> f64 {
    (began.elapsed().as_secs_f64() * 1e6).round() / 1e3
}

/// The headers of a job as they are sent.
pub(crate) fn headers(of_job: &[(String, String)]) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::with_capacity(of_job.len());
    for (name, value) in of_job {
        headers.append(
            HeaderName::from_bytes(name.as_bytes()).map_err(|error| chain(&error))?,
            HeaderValue::from_bytes(value.as_bytes()).map_err(|error| chain(&error))?,
        );
    }
    Ok(headers)
}

//! What is asked of jobs: `POST /jobs/cancel` and `POST /jobs/retry`.

use std::time::Duration;

use http::header::{CONTENT_LENGTH, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::Deserialize;
use serde_json::json;
use tokio::time::timeout;

use super::AdminState;
use super::answers::{Answer, JSON, TEXT, text};
use super::routes::Route;
use crate::jobs::{BoxError, Done, JobName, NotDone};
use crate::line::MAX_ID_BYTES;
use crate::queue::Ticket;

/// The most bytes that a body may have: an id, each byte of it written as six.
const BODY: usize = 6 * MAX_ID_BYTES + 1024;
/// How long a body may take.
const BODY_WITHIN: Duration = Duration::from_secs(5);
/// How long the queue may take.
const DONE_WITHIN: Duration = Duration::from_secs(10);

/// What a body says: one of the two.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    id: Option<String>,
    number: Option<u64>,
}

/// Does what is asked, when whoever asks may.
pub(super) async fn command<B>(
    route: Route,
    head: Parts,
    body: B,
    state: &AdminState,
) -> Response<Answer>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    if let Some(refused) = refusal(&head.headers, state) {
        return refused;
    }
    let job = match read(&head.headers, body).await {
        Ok(job) => job,
        Err((status, sentence)) => return text(status, TEXT, format!("{sentence}\n")),
    };
    let run = state.run.lock().clone();
    let Some(control) = run.and_then(|run| run.control.upgrade()) else {
        let sentence = "no worker is at work here\n";
        return text(StatusCode::CONFLICT, TEXT, sentence);
    };
    let done = match route {
        Route::Retry => control.retry(job),
        _ => control.cancel(job),
    };
    match timeout(DONE_WITHIN, done).await {
        Ok(Ok(done)) => accepted(&done),
        Ok(Err(refused)) => text(status_of(&refused), TEXT, format!("{refused}\n")),
        Err(_) => {
            let sentence = "the queue takes too long; whether it was done is not known\n";
            text(StatusCode::GATEWAY_TIMEOUT, TEXT, sentence)
        }
    }
}

/// What somebody is told who may not ask for this.
fn refusal(headers: &HeaderMap, state: &AdminState) -> Option<Response<Answer>> {
    let Some(token) = state.token.lock().clone() else {
        let sentence = "jobs are not to be cancelled or retried here: the endpoint has no token\n";
        return Some(text(StatusCode::FORBIDDEN, TEXT, sentence));
    };
    if token.is_in(headers) {
        return None;
    }
    let sentence = "send the token of this endpoint, as authorization: Bearer TOKEN\n";
    let mut refused = text(StatusCode::UNAUTHORIZED, TEXT, sentence);
    let bearer = HeaderValue::from_static("Bearer");
    refused.headers_mut().insert(WWW_AUTHENTICATE, bearer);
    Some(refused)
}

/// Reads which job is meant.
async fn read<B>(headers: &HeaderMap, body: B) -> Result<JobName, (StatusCode, String)>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    let content_type = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    if !content_type.is_some_and(is_json) {
        let sentence = "send application/json".to_owned();
        return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, sentence));
    }
    let too_large = || {
        let sentence = format!("a body has at most {BODY} bytes");
        (StatusCode::PAYLOAD_TOO_LARGE, sentence)
    };
    // Without a byte of it.
    let length = headers
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok());
    let length = length.and_then(|length| length.parse::<u64>().ok());
    if length.is_some_and(|length| length > BODY as u64) {
        return Err(too_large());
    }
    let body = std::pin::pin!(Limited::new(body, BODY).collect());
    let body = match timeout(BODY_WITHIN, body).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => return Err(too_large()),
        Ok(Err(_)) => return Err((StatusCode::BAD_REQUEST, "the body broke off".to_owned())),
        Err(_) => {
            let sentence = format!("a body takes at most {BODY_WITHIN:?}");
            return Err((StatusCode::REQUEST_TIMEOUT, sentence));
        }
    };
    match serde_json::from_slice(&body) {
        Ok(Named {
            id: Some(id),
            number: None,
        }) => Ok(JobName::Id(id)),
        Ok(Named {
            id: None,
            number: Some(number),
        }) => Ok(JobName::Ticket(Ticket(number))),
        // The error would repeat what was sent.
        Ok(_) | Err(_) => {
            let sentence = r#"send {"id": "…"}, or {"number": …} as /debug/contexts has it"#;
            Err((StatusCode::BAD_REQUEST, sentence.to_owned()))
        }
    }
}

fn is_json(content_type: &[u8]) -> bool {
    let essence = content_type.split(|byte| *byte == b';').next();
    essence.is_some_and(|essence| {
        essence
            .trim_ascii()
            .eq_ignore_ascii_case(b"application/json")
    })
}

fn accepted(done: &Done) -> Response<Answer> {
    let (did, id) = match done {
        Done::CutOff => ("the job is cut off, and has failed", None),
        Done::CutOffElsewhere => (
            "the job is cut off by the worker that has it in hand, within a second or when that worker is back",
            None,
        ),
        Done::WillNotRun => (
            "the job will not run; its result is written as soon as there is a place for it",
            None,
        ),
        Done::RunsNext => ("the job runs as soon as there is a place for it", None),
        Done::QueuedAs(id) => ("the job is queued once more", Some(id)),
    };
    let body = json!({"did": did, "id": id}).to_string();
    text(StatusCode::ACCEPTED, JSON, body)
}

fn status_of(refused: &NotDone) -> StatusCode {
    match refused {
        NotDone::Unknown => StatusCode::NOT_FOUND,
        NotDone::Runs | NotDone::NotKept | NotDone::QueuedAlready(_) => StatusCode::CONFLICT,
        NotDone::Draining | NotDone::Failed(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

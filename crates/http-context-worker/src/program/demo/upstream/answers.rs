//! What the servers answer.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};
use parking_lot::Mutex;
use tokio::time::sleep;

use super::counts::Counts;
use super::websocket::{self, Opening};

/// How long an item takes.
const THINK: Duration = Duration::from_millis(8);
/// How long a slow item takes.
const THINK_LONG: Duration = Duration::from_millis(400);

static LARGE: [u8; 64 * 1024] = [b'.'; 64 * 1024];

/// The planned fault that is no answer: the connection ends here.
#[derive(Debug, thiserror::Error)]
#[error("hung up as planned")]
pub(super) struct HangUp;

/// Answers a request. Where it opens a WebSocket that is `opening` now.
pub(super) async fn answer(
    request: Request<Incoming>,
    counts: Arc<Counts>,
    opening: Arc<Mutex<Option<Opening>>>,
) -> Result<Response<Full<Bytes>>, HangUp> {
    counts.request(request.version());
    let path = request.uri().path().to_owned();
    let kind = path.split('/').nth(1).unwrap_or_default();
    match kind {
        "item" => sleep(THINK).await,
        "slow" => sleep(THINK_LONG).await,
        "large" => return Ok(Response::new(Full::from(&LARGE[..]))),
        "echo" => {
            let body = request
                .into_body()
                .collect()
                .await
                .map_err(|_| HangUp)?
                .to_bytes();
            return Ok(Response::new(Full::new(body)));
        }
        "websocket" | "unanswered-close" => {
            let (response, asked_for) = websocket::open(request, kind == "websocket");
            *opening.lock() = asked_for;
            return Ok(response);
        }
        "unavailable-once" if counts.fault_is_due(&path) => {
            return Ok(with_status(StatusCode::SERVICE_UNAVAILABLE));
        }
        "hang-up-once" if counts.fault_is_due(&path) => return Err(HangUp),
        "unavailable-once" | "hang-up-once" => {}
        _ => return Ok(with_status(StatusCode::NOT_FOUND)),
    }
    Ok(Response::new(Full::from("{\"status\":\"fine\"}\n")))
}

fn with_status(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from("{\"status\":\"not now\"}\n"));
    *response.status_mut() = status;
    response
}

//! A line is a job that can be sent and survives the queue, or names the field that is wrong.

use crate::job::{self, Job};
use crate::line::MAX_ID_BYTES;

/// Reads a line, and looks at what it is said to be.
pub(crate) fn check(line: &[u8]) {
    let job = match job::parse(line) {
        Ok(job) => job,
        Err(bad) => {
            assert!(!bad.field.is_empty() && !bad.error.is_empty(), "{bad:?}");
            return;
        }
    };
    assert!(!job.id.is_empty() && job.id.len() <= MAX_ID_BYTES);
    assert!((1..=job::MAX_JOB_CONCURRENCY).contains(&(job.concurrency as u64)));
    assert_eq!(job.requests.is_empty(), job.websocket.is_some());
    for request in &job.requests {
        let url = url::Url::parse(&request.url).expect("it was read as a URL");
        assert!(matches!(url.scheme(), "http" | "https") && url.host().is_some());
        http::Method::from_bytes(request.method.as_bytes()).expect("it was read as a method");
        check_headers(&request.headers);
        check_timeout(request.timeout_ms);
    }
    if let Some(websocket) = &job.websocket {
        let url = url::Url::parse(&websocket.url).expect("it was read as a URL");
        assert!(matches!(url.scheme(), "ws" | "wss" | "http" | "https") && url.host().is_some());
        check_headers(&websocket.headers);
        check_timeout(websocket.timeout_ms);
        let offered = websocket.subprotocols.join(", ");
        http::HeaderValue::try_from(offered).expect("they were read as names");
        assert!(websocket.receive <= job::MAX_RECEIVE);
    }
    // The queue keeps it as text.
    let kept = serde_json::to_string(&job).expect("a job can be written");
    let read: Job = serde_json::from_str(&kept).expect("and read again");
    assert_eq!(read, job);
}

fn check_headers(headers: &[(String, String)]) {
    for (name, value) in headers {
        http::HeaderName::try_from(name).expect("it was read as the name of a header");
        http::HeaderValue::try_from(value).expect("it was read as the value of a header");
    }
}

fn check_timeout(timeout_ms: Option<u64>) {
    if let Some(timeout) = timeout_ms {
        assert!((1..=job::MAX_TIMEOUT_MS).contains(&timeout));
    }
}

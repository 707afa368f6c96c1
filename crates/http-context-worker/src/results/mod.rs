//! `--results`: one line of JSON for each job.

pub(crate) mod function;
pub(crate) mod output;
pub(crate) mod rejects;

use std::time::Duration;

use http_context::{ExitReport, HeldSocket, Leak, LeakProgress, Outcome};
use serde::Serialize;

/// A line of the results.
#[derive(Clone, Debug)]
pub(crate) struct ResultLine<'a> {
    /// The id of the job; none of what was in the queue and is no job.
    pub(crate) id: Option<&'a str>,
    /// `ok` or `failed`.
    pub(crate) status: &'static str,
    /// The attempts that were made, this one included.
    pub(crate) attempts: u32,
    /// Why the job failed.
    pub(crate) error: Option<&'a str>,
    /// What the last attempt returned, as members of a JSON object.
    pub(crate) output: String,
    /// What the job's context reported at its exit.
    pub(crate) exit: Exit,
}

/// What stands before the output.
#[derive(Serialize)]
struct Head<'a> {
    id: Option<&'a str>,
    status: &'static str,
    attempts: u32,
    error: Option<&'a str>,
}

/// The exit report of the last attempt.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Exit {
    /// How the work ended: `completed`, `failed`, `cancelled` or `panicked`.
    pub(crate) outcome: &'static str,
    /// Requests started.
    pub(crate) requests: u64,
    /// Connections opened.
    pub(crate) connections_opened: u64,
    /// Responses over a connection that was open already.
    pub(crate) connections_reused: u64,
    /// What was left behind.
    pub(crate) leaks: Vec<ExitLeak>,
}

/// A leak, without any text of the job.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ExitLeak {
    /// Its kind.
    pub(crate) kind: &'static str,
    /// How many at the same call site.
    pub(crate) count: usize,
    /// Where the context was opened.
    pub(crate) opened_at: String,
    /// Where the thing was acquired.
    pub(crate) acquired_at: Option<String>,
    /// How old it was, in milliseconds.
    pub(crate) age_ms: u64,
    /// What was done with it, where it is a socket: `cut` or `still_open`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) socket: Option<&'static str>,
    /// How far it had come, of what carries bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) progress: Option<ExitProgress>,
}

/// How far a stream had come when it was cut off.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ExitProgress {
    /// Bytes sent: of the body of a request, or on an upgraded connection.
    pub(crate) sent_bytes: u64,
    /// Bytes received; `null` of a request without a response.
    pub(crate) received_bytes: Option<u64>,
    /// How long before any were received last, in milliseconds; `null` of a request without a response.
    pub(crate) quiet_ms: Option<u64>,
}

impl Exit {
    /// The exit of a context of which no report is to be had: it panicked, or could not be opened.
    pub(crate) fn without_report(outcome: Outcome) -> Self {
        Self {
            outcome: outcome.as_str(),
            requests: 0,
            connections_opened: 0,
            connections_reused: 0,
            leaks: Vec::new(),
        }
    }
}

impl From<&ExitReport> for Exit {
    fn from(report: &ExitReport) -> Self {
        Self {
            outcome: report.outcome.as_str(),
            requests: report.requests,
            connections_opened: report.connections_opened,
            connections_reused: report.connections_reused,
            leaks: report.leaks.iter().map(ExitLeak::from).collect(),
        }
    }
}

impl From<&Leak> for ExitLeak {
    fn from(leak: &Leak) -> Self {
        Self {
            kind: leak.kind.as_str(),
            count: leak.count,
            opened_at: leak.opened_at.to_string(),
            acquired_at: leak.acquired_at.map(ToString::to_string),
            age_ms: millis(leak.age),
            progress: leak.progress.as_ref().map(ExitProgress::from),
            socket: leak.socket.map(HeldSocket::as_str),
        }
    }
}

impl From<&LeakProgress> for ExitProgress {
    fn from(progress: &LeakProgress) -> Self {
        Self {
            sent_bytes: progress.sent,
            received_bytes: progress.received,
            quiet_ms: progress.quiet_for.map(millis),
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl ResultLine<'_> {
    /// The line of JSON, with its line end.
    pub(crate) fn to_line(&self) -> Vec<u8> {
        let head = Head {
            id: self.id,
            status: self.status,
            attempts: self.attempts,
            error: self.error,
        };
        // Strings, numbers and lists of them: neither can fail.
        let mut line = serde_json::to_vec(&head).unwrap_or_default();
        let exit = serde_json::to_vec(&self.exit).unwrap_or_default();
        line.pop();
        if !self.output.is_empty() {
            line.push(b',');
            line.extend_from_slice(self.output.as_bytes());
        }
        line.extend_from_slice(b",\"exit\":");
        line.extend_from_slice(&exit);
        line.extend_from_slice(b"}\n");
        line
    }
}

#[cfg(test)]
mod tests {
    use http_context::{OpenError, builder, http_session};
    use serde_json::json;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_leaked_body_says_in_the_results_what_had_come_of_it() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            while socket.read(&mut request).await.is_ok_and(|read| read > 0) {
                // The client asks once, in one piece.
                let half = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nfirst";
                socket.write_all(half).await.unwrap();
            }
        });
        let work = builder().drain_timeout(Duration::ZERO).open(async {
            let mut response = http_session()?.get(&url).send().await.unwrap();
            assert_eq!(response.chunk().await.unwrap().unwrap(), "first");
            Ok::<_, OpenError>((http_session()?, response))
        });
        let (kept, report) = work.with_report().await;
        let exit = serde_json::to_value(Exit::from(&report.unwrap())).unwrap();
        let leak = |kind: &str| {
            let mut leaks = exit["leaks"].as_array().unwrap().iter();
            leaks.find(|leak| leak["kind"] == kind).unwrap()
        };
        let progress = &leak("response_body")["progress"];
        assert_eq!(progress["sent_bytes"], json!(0));
        assert_eq!(progress["received_bytes"], json!(5));
        assert!(progress["quiet_ms"].is_u64(), "{progress}");
        assert!(leak("session_handle").get("progress").is_none());
        drop(kept);
    }
}

//! What a run comes to: an object for programs, a table for people, and the exit code.

use std::time::Duration;

use serde::Serialize;

use super::Ended;
use crate::grouped::{counted, grouped};
use crate::progress::tally::WebSockets;

/// The summary object of `--json`, one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Jobs by what became of them.
    pub jobs: Jobs,
    /// Requests sent, all attempts included.
    pub requests: u64,
    /// Conversations, where there were any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub websockets: Option<WebSockets>,
    /// Connections opened.
    pub connections_opened: u64,
    /// Responses over a connection that was open already.
    pub connections_reused: u64,
    /// Leaks found at the exits of contexts, and sockets of warm sessions that outlived their pool.
    pub leaks: u64,
    /// How long this run took, in milliseconds.
    pub duration_ms: u64,
}

/// Jobs by what became of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Jobs {
    /// Every request got a response, every conversation what it waited for.
    pub ok: u64,
    /// The last attempt failed.
    pub failed: u64,
    /// More than one attempt was made. Each of these is also ok, failed or not finished.
    pub retried: u64,
    /// Lines of the input that are not jobs.
    pub rejected: u64,
}

impl From<&Ended> for Summary {
    fn from(ended: &Ended) -> Self {
        let tally = &ended.progress.tally;
        Self {
            jobs: Jobs {
                ok: tally.ok,
                failed: tally.failed,
                retried: tally.retried,
                rejected: ended.progress.rejected,
            },
            requests: tally.requests,
            websockets: (tally.websockets.opened > 0).then_some(tally.websockets),
            connections_opened: tally.connections_opened,
            connections_reused: tally.connections_reused(),
            leaks: tally.leaks() + sockets_left(ended),
            duration_ms: u64::try_from(ended.duration.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

impl Summary {
    /// One line of JSON, without a line end.
    pub fn to_json(&self) -> String {
        // Numbers only: this cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The exit code: what is worst wins. 3 for leaks that are denied, 2 for bad input, 1 for
    /// failed jobs.
    pub fn exit_code(&self, deny_leaks: bool) -> u8 {
        if deny_leaks && self.leaks > 0 {
            3
        } else if self.jobs.rejected > 0 {
            2
        } else {
            u8::from(self.jobs.failed > 0)
        }
    }

    /// The table for people, with a line end.
    pub fn to_table(&self, ended: &Ended) -> String {
        let jobs = &self.jobs;
        let mut table = String::new();
        let mut row = |name: &str, figure: String, rest: String| {
            let line = format!("  {name:<12}{figure:>9}   {rest}");
            table.push_str(line.trim_end());
            table.push('\n');
        };
        let mut parts = vec![
            format!("{} ok", grouped(jobs.ok)),
            format!("{} failed", grouped(jobs.failed)),
        ];
        for (n, what) in [
            (ended.progress.tally.poisoned, "of them poisoned"),
            (jobs.retried, "retried"),
            (jobs.rejected, "rejected"),
            (ended.progress.unfinished(), "not finished"),
        ] {
            if n > 0 {
                parts.push(format!("{} {what}", grouped(n)));
            }
        }
        row("jobs", grouped(jobs.ok + jobs.failed), parts.join(", "));
        row("requests", grouped(self.requests), String::new());
        if let Some(websockets) = &self.websockets {
            row(
                "websockets",
                grouped(websockets.opened),
                format!(
                    "{} messages sent, {} received",
                    grouped(websockets.sent_messages),
                    grouped(websockets.received_messages)
                ),
            );
        }
        let answered = ended.progress.tally.responses.values().sum::<u64>();
        row(
            "connections",
            grouped(self.connections_opened),
            format!(
                "{} of {} responses came over an open one{}",
                grouped(self.connections_reused),
                grouped(answered),
                percent(self.connections_reused, answered)
            ),
        );
        let contexts: u64 = ended.progress.tally.contexts.values().sum();
        row(
            "contexts",
            grouped(contexts),
            format!(
                "all closed, {} opened inside another",
                grouped(ended.progress.tally.nested_opens)
            ),
        );
        let mut kinds: Vec<String> = ended
            .progress
            .tally
            .leaks
            .iter()
            .map(|(kind, n)| format!("{} {kind}", grouped(*n)))
            .collect();
        if sockets_left(ended) > 0 {
            let left = counted(sockets_left(ended), "socket");
            kinds.push(format!("{left} of warm sessions"));
        }
        row("leaks", grouped(self.leaks), kinds.join(", "));
        let seconds = ended.duration.as_secs_f64();
        row(
            "time",
            time(ended.duration),
            format!(
                "{} jobs/s, {} requests/s",
                rate(
                    jobs.ok + jobs.failed - ended.before.ok - ended.before.failed,
                    seconds
                ),
                rate(self.requests - ended.before.requests, seconds)
            ),
        );
        table
    }
}

/// Sockets of warm sessions that somebody still held after their pool had closed.
fn sockets_left(ended: &Ended) -> u64 {
    let pool = ended.pool.as_ref();
    pool.map_or(0, |report| {
        (report.cut.len() + report.still_open.len()) as u64
    })
}

fn percent(part: u64, whole: u64) -> String {
    match (part * 100).checked_div(whole) {
        Some(percent) => format!(" ({percent} %)"),
        None => String::new(),
    }
}

fn time(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if seconds < 120 {
        format!("{:.1} s", duration.as_secs_f64())
    } else {
        format!("{}:{:02} min", seconds / 60, seconds % 60)
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
fn rate(n: u64, seconds: f64) -> String {
    format!("{:.0}", n as f64 / seconds.max(0.001))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(failed: u64, rejected: u64, leaks: u64) -> Summary {
        Summary {
            jobs: Jobs {
                ok: 1,
                failed,
                retried: 0,
                rejected,
            },
            requests: 0,
            websockets: None,
            connections_opened: 0,
            connections_reused: 0,
            leaks,
            duration_ms: 0,
        }
    }

    #[test]
    fn the_worst_decides_the_exit_code() {
        assert_eq!(summary(0, 0, 5).exit_code(false), 0);
        assert_eq!(summary(1, 0, 5).exit_code(false), 1);
        assert_eq!(summary(1, 1, 5).exit_code(false), 2);
        assert_eq!(summary(1, 1, 5).exit_code(true), 3);
    }

    #[test]
    fn the_object_has_the_fields_that_are_promised() {
        assert_eq!(
            summary(0, 0, 0).to_json(),
            r#"{"jobs":{"ok":1,"failed":0,"retried":0,"rejected":0},"requests":0,"connections_opened":0,"connections_reused":0,"leaks":0,"duration_ms":0}"#
        );
    }
}

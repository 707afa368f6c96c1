//! The report of a context that has exited.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::caller::CallerReport;
use super::counted::Counted;
use super::leak::Leak;
use crate::identity::{CallSite, ContextId};

/// How the work of a context ended. The strings are the values of the label `outcome`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// It returned `Ok`.
    Completed,
    /// It returned `Err`.
    Failed,
    /// Its future was dropped before it ended.
    Cancelled,
    /// It panicked.
    Panicked,
}

impl Outcome {
    /// The value of the label `outcome`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Panicked => "panicked",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a context did, and what it left behind.
///
/// Handed to [`Observer::context_closed`](crate::Observer::context_closed), and to the caller by
/// [`Open::with_report`](crate::Open::with_report).
///
/// ```
/// # use http_context::{OpenError, open};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), OpenError> {
/// let (result, report) = open(async { Ok::<_, OpenError>(()) }).with_report().await;
/// let report = report.expect("a context was opened");
/// assert!(report.is_clean());
/// println!("{}: {} requests", report.outcome.as_str(), report.requests);
/// # result
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ExitReport {
    /// The context.
    pub context: ContextId,
    /// Its name, when it was given one.
    pub name: Option<Arc<str>>,
    /// Where it was opened.
    pub opened_at: CallSite,
    /// How its work ended.
    pub outcome: Outcome,
    /// From open to the end of the exit.
    pub duration: Duration,
    /// From the end of the work to the end of the exit: drain, abort, close, verify.
    pub exit_duration: Duration,
    /// Requests that were started, whatever became of them.
    pub requests: u64,
    /// Requests of plain clients ([`HttpSession::reqwest_client`](crate::HttpSession::reqwest_client))
    /// that were answered or failed, as often as they were sent: each redirect, and each time that
    /// `reqwest` sends one again. They are not among the [`requests`](field@Self::requests). Which of
    /// them cannot be seen [is in a table](crate::guide::ambient_or_captured).
    pub plain_requests: u64,
    /// Requests and bodies that were cut off at the drain deadline, or at once when the context
    /// was cancelled or panicked.
    pub aborted: u64,
    /// Connections that the context's requests opened, those of plain clients included.
    pub connections_opened: u64,
    /// Responses that came over a connection which had been used before, with those that redirect
    /// and those that a middleware answers by sending again.
    pub connections_reused: u64,
    /// Bytes of request bodies sent: of streamed ones what was handed to the connection, of others that
    /// of the requests which were answered.
    pub bytes_sent: u64,
    /// Bytes of response bodies received, as the caller saw them: of those that came packed, and are
    /// unpacked by a feature, what came out. Of what went over the wire a session knows nothing.
    pub bytes_received: u64,
    /// WebSockets that it borrowed from pools which other contexts own.
    pub websockets_borrowed: u64,
    /// What the requests of each [`caller`](crate::caller()) came to, by name; empty when none has one.
    pub callers: Vec<CallerReport>,
    /// How often `open` was called inside it.
    pub nested_opens: u64,
    /// What it left behind; empty when it closed clean.
    pub leaks: Vec<Leak>,
}

impl ExitReport {
    /// Whether nothing was left behind.
    pub fn is_clean(&self) -> bool {
        self.leaks.is_empty()
    }
}

/// One line, one more for each caller, and one block for each leak.
impl fmt::Display for ExitReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HTTP context {}", self.context)?;
        if let Some(name) = &self.name {
            write!(f, " ({name})")?;
        }
        write!(
            f,
            " opened at {}: {} after {:?}, {}",
            self.opened_at,
            self.outcome,
            self.duration,
            Counted(self.requests, "request"),
        )?;
        if self.plain_requests > 0 {
            write!(f, " and {} of plain clients", self.plain_requests)?;
        }
        let leaks = self.leaks.iter().map(|leak| leak.count).sum();
        write!(
            f,
            ", {} opened, {} reused, {}",
            Counted(self.connections_opened, "connection"),
            self.connections_reused,
            Counted::of(leaks, "leak"),
        )?;
        for caller in &self.callers {
            write!(f, "\n  caller     {caller}")?;
        }
        for leak in &self.leaks {
            write!(f, "\n{leak}")?;
        }
        Ok(())
    }
}

//! What a context can leave behind, and how a leak reads.

use std::backtrace::Backtrace;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::leak_progress::LeakProgress;
use crate::caller::Caller;
use crate::identity::{CallSite, ContextId};

/// What leaked. The strings are the values of the label `kind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum LeakKind {
    /// A session handle, or a request builder of it, was kept past the exit.
    SessionHandle,
    /// A client given out by [`HttpSession::client`](crate::HttpSession::client) or
    /// [`HttpSession::reqwest_client`](crate::HttpSession::reqwest_client) was kept.
    ClientClone,
    /// A request had no response at the drain deadline, and was cut off.
    RequestInFlight,
    /// A response body was unread at the drain deadline, and was cut off.
    ResponseBody,
    /// A child task outlived the context.
    Task,
    /// A child asked for the session after the exit.
    UseAfterExit,
    /// A connection that was upgraded, as to a WebSocket, was still held at the drain deadline, and
    /// was closed.
    UpgradedConnection,
    /// A socket that the session opened was still open when the exit had waited for it. It is cut off
    /// where that is possible; see [`Leak::socket`](field@Leak::socket).
    Connection,
    /// The context is open longer than its threshold.
    ContextOverdue,
    /// The context was never closed: it was forgotten.
    NeverClosed,
}

impl LeakKind {
    /// All kinds, in the order of the catalogue.
    pub const ALL: &[Self] = &[
        Self::SessionHandle,
        Self::ClientClone,
        Self::RequestInFlight,
        Self::ResponseBody,
        Self::Task,
        Self::UseAfterExit,
        Self::UpgradedConnection,
        Self::Connection,
        Self::ContextOverdue,
        Self::NeverClosed,
    ];

    /// The value of the label `kind`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SessionHandle => "session_handle",
            Self::ClientClone => "client_clone",
            Self::RequestInFlight => "request_in_flight",
            Self::ResponseBody => "response_body",
            Self::Task => "task",
            Self::UseAfterExit => "use_after_exit",
            Self::UpgradedConnection => "upgraded_connection",
            Self::Connection => "connection",
            Self::ContextOverdue => "context_overdue",
            Self::NeverClosed => "never_closed",
        }
    }

    fn what(self) -> &'static str {
        match self {
            Self::SessionHandle => "session handle kept past the exit",
            Self::ClientClone => "client kept past the exit",
            Self::RequestInFlight => "request still in flight at the drain deadline",
            Self::ResponseBody => "response body still unread at the drain deadline",
            Self::Task => "child task outlived the context",
            Self::UseAfterExit => "context used after its exit",
            Self::UpgradedConnection => "upgraded connection still held at the drain deadline",
            Self::Connection => "socket still open after the close",
            Self::ContextOverdue => "context open for too long",
            Self::NeverClosed => "context never closed",
        }
    }

    /// How to fix a leak of this kind, in one sentence.
    pub fn fix(self) -> &'static str {
        match self {
            Self::SessionHandle => {
                "call `http_session()` where the session is used instead of keeping the handle"
            }
            Self::ClientClone => {
                "drop the client, and what was built on it, before the context exits"
            }
            Self::RequestInFlight => {
                "await the request before the work ends, or give it a timeout below `drain_timeout`"
            }
            Self::ResponseBody => "read the body to its end, or drop the response",
            Self::Task => "await or abort the task before the work ends",
            Self::UseAfterExit => {
                "await the task before its context exits, or open a context of its own in it"
            }
            Self::UpgradedConnection => {
                "close it before the work ends, or when `closing()` says that the context does"
            }
            Self::Connection => {
                "drop what still holds the connection, such as an upload that nobody reads"
            }
            Self::ContextOverdue => "end the work, or raise the threshold if it is meant to run on",
            Self::NeverClosed => "do not forget the future of `open`: await it or drop it",
        }
    }
}

impl fmt::Display for LeakKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Things of one kind that a context left behind, acquired at one call site.
///
/// Its `Display` is a block for people: what leaked, where the context was opened, where the thing
/// was acquired, how old it is, and how to fix it.
/// The example [`leak`](https://docs.rs/crate/http-context/latest/source/examples/leak/main.rs)
/// prints three of them.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Leak {
    /// What leaked.
    pub kind: LeakKind,
    /// How many of it, acquired at the same call site.
    pub count: usize,
    /// The context that it belonged to.
    pub context: ContextId,
    /// The context's name, when it was given one.
    pub name: Option<Arc<str>>,
    /// Where the context was opened.
    pub opened_at: CallSite,
    /// Where the thing was acquired, when that is known.
    pub acquired_at: Option<CallSite>,
    /// By whom it was acquired, of a request, a body, an upgraded connection and a task, where that
    /// [has a name](crate::caller()).
    pub caller: Option<Caller>,
    /// How old the oldest of it is, or at most is where only its session's age is known.
    pub age: Duration,
    /// What was done with the socket of a leak of the kind [`Connection`](LeakKind::Connection).
    pub socket: Option<HeldSocket>,
    /// Which one it is (a method and a host, a pair of addresses), without secrets.
    pub detail: Option<String>,
    /// How far it had come, of a response body, an upgraded connection, and a request that was sending
    /// a body; `None` of what carries nothing.
    pub progress: Option<LeakProgress>,
    /// Where it was acquired in full, when this one was sampled; see
    /// [`sample_backtraces`](crate::sample_backtraces).
    pub backtrace: Option<Arc<Backtrace>>,
}

impl fmt::Display for Leak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.kind.what())?;
        if let Some(detail) = &self.detail {
            write!(f, " ({detail})")?;
        }
        if self.count > 1 {
            write!(f, ", {} times", self.count)?;
        }
        write!(f, "\n  context    {}", self.context)?;
        if let Some(name) = &self.name {
            write!(f, " ({name})")?;
        }
        write!(f, ", opened at {}", self.opened_at)?;
        match self.acquired_at {
            Some(call_site) => write!(f, "\n  acquired   at {call_site}")?,
            None => write!(f, "\n  acquired   at an unknown call site")?,
        }
        if let Some(caller) = self.caller {
            write!(f, "\n  caller     {caller}")?;
        }
        write!(f, "\n  age        {:?}", self.age)?;
        if let Some(progress) = &self.progress {
            write!(f, "\n  progress   {progress}")?;
        }
        if let Some(socket) = self.socket {
            write!(f, "\n  socket     {socket}")?;
        }
        write!(f, "\n  fix        {}", self.kind.fix())?;
        if let Some(backtrace) = &self.backtrace {
            write!(f, "\n  backtrace\n{backtrace}")?;
        }
        Ok(())
    }
}

/// What was done with a socket that was still held when its session had closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HeldSocket {
    /// It was shut down in both directions: its holder and its peer read an end.
    Cut,
    /// It is open: the system forbids to cut it off, or
    /// [`cut_held_sockets`](crate::SessionOptions::cut_held_sockets) says that it is not to be.
    StillOpen,
}

impl HeldSocket {
    /// As it stands in logs and in JSON: `cut` or `still_open`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cut => "cut",
            Self::StillOpen => "still_open",
        }
    }
}

/// As it stands in a report for people.
impl fmt::Display for HeldSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cut => "cut: shut down in both directions",
            Self::StillOpen => "still open",
        })
    }
}

/// What is done about leaks.
///
/// ```
/// use http_context::{LeakPolicy, builder};
///
/// // In a test: whatever is left behind panics.
/// let context = builder().leaks(LeakPolicy::Panic);
/// # drop(context);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LeakPolicy {
    /// Nothing is looked for.
    Off,
    /// Leaks are in the exit report and go to the observer.
    Count,
    /// As `Count`; observers that log do so as a warning.
    #[default]
    Warn,
    /// As `Warn`; and `open` panics with the report once the context has closed. For tests.
    Panic,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_for_people_says_how_many_only_of_several() {
        let here = std::panic::Location::caller();
        let mut leak = Leak {
            kind: LeakKind::ClientClone,
            count: 1,
            context: ContextId::next(),
            name: Some("job 7".into()),
            opened_at: here,
            acquired_at: None,
            caller: None,
            age: Duration::from_millis(1500),
            socket: None,
            detail: None,
            progress: None,
            backtrace: None,
        };
        let rest = format!(
            "\n  context    {} (job 7), opened at {here}\
             \n  acquired   at an unknown call site\
             \n  age        1.5s\
             \n  fix        drop the client, and what was built on it, before the context exits",
            leak.context
        );
        let what = "client_clone: client kept past the exit";
        assert_eq!(leak.to_string(), format!("{what}{rest}"));
        leak.count = 3;
        leak.detail = Some("of an SDK".into());
        assert_eq!(
            leak.to_string(),
            format!("{what} (of an SDK), 3 times{rest}")
        );
        leak.socket = Some(HeldSocket::StillOpen);
        assert!(
            leak.to_string()
                .contains("1.5s\n  socket     still open\n  fix")
        );
    }
}

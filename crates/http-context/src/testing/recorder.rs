//! An observer that keeps what it is told.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::{Method, StatusCode, Url};
use tokio::sync::watch;

use crate::context::HttpContext;
use crate::error::RequestError;
use crate::host_slots::Host;
use crate::id::{ContextId, RequestId, SessionId};
use crate::leak::Leak;
use crate::nested::NestedOpen;
use crate::observer::{BodyEnd, Observer, ResponseHead, SessionSource};
use crate::report::ExitReport;
use crate::request_info::RequestInfo;

/// One thing that an [`Observer`] is told; each variant is named after its method.
#[derive(Clone, Debug)]
#[non_exhaustive]
#[allow(missing_docs, reason = "documented by the methods of the observer")]
pub enum Fact {
    ContextOpened {
        context: ContextId,
    },
    NestedOpen(NestedOpen),
    ContextClosed(ExitReport),
    SessionOpened {
        session: SessionId,
        source: SessionSource,
    },
    SessionClosed {
        session: SessionId,
    },
    /// The URL is redacted.
    RequestStarted {
        request: RequestId,
        method: Method,
        url: Url,
    },
    RequestQueued {
        request: RequestId,
    },
    RequestDequeued {
        request: RequestId,
        waited: Duration,
    },
    RequestRedirected {
        request: RequestId,
        status: StatusCode,
    },
    RequestAnswered {
        request: RequestId,
        head: ResponseHead,
    },
    /// With the text of the error and of its sources.
    RequestFailed {
        request: RequestId,
        error: String,
    },
    RequestCancelled {
        request: RequestId,
    },
    ResponseBodyEnded {
        request: RequestId,
        end: BodyEnd,
    },
    Leak(Leak),
    LeakResolved(Leak),
}

/// An [`Observer`] that keeps what it is told in memory, for tests to look at.
///
/// ```
/// use std::sync::Arc;
/// use http_context::{OpenError, builder, testing::Recorder};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), OpenError> {
/// let recorder = Arc::new(Recorder::new());
/// builder().observer(recorder.clone()).open(async { Ok::<_, OpenError>(()) }).await?;
/// assert_eq!(recorder.reports().len(), 1);
/// assert!(recorder.leaks().is_empty());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Recorder {
    facts: Mutex<Vec<Fact>>,
    /// Told of each fact, for those who wait for one.
    told: watch::Sender<()>,
}

impl Recorder {
    /// One that was told nothing yet.
    pub fn new() -> Self {
        Self {
            facts: Mutex::default(),
            told: watch::Sender::new(()),
        }
    }

    /// Everything so far, in the order in which it was told.
    pub fn facts(&self) -> Vec<Fact> {
        self.lock().clone()
    }

    /// The exit reports so far.
    pub fn reports(&self) -> Vec<ExitReport> {
        self.all(|fact| match fact {
            Fact::ContextClosed(report) => Some(report.clone()),
            _ => None,
        })
    }

    /// The leaks so far, those that were resolved included.
    pub fn leaks(&self) -> Vec<Leak> {
        self.all(|fact| match fact {
            Fact::Leak(leak) => Some(leak.clone()),
            _ => None,
        })
    }

    /// The leaks that were resolved so far.
    pub fn resolved(&self) -> Vec<Leak> {
        self.all(|fact| match fact {
            Fact::LeakResolved(leak) => Some(leak.clone()),
            _ => None,
        })
    }

    /// What `pick` makes of each fact, where it makes something of it.
    pub fn all<T>(&self, pick: impl FnMut(&Fact) -> Option<T>) -> Vec<T> {
        self.lock().iter().filter_map(pick).collect()
    }

    /// Waits until a fact is told, or was told, of which `is_it` says so.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn wait_for(&self, mut is_it: impl FnMut(&Fact) -> bool) -> Fact {
        let mut told = self.told.subscribe();
        let mut seen = 0;
        loop {
            told.borrow_and_update();
            {
                let facts = self.lock();
                if let Some(fact) = facts[seen..].iter().find(|fact| is_it(fact)) {
                    return fact.clone();
                }
                seen = facts.len();
            }
            if told.changed().await.is_err() {
                unreachable!("the sender lives as long as the recorder");
            }
        }
    }

    fn note(&self, fact: Fact) {
        self.lock().push(fact);
        self.told.send_replace(());
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Fact>> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Recorder {
    fn default() -> Self {
        Self::new()
    }
}

impl Observer for Recorder {
    fn context_opened(&self, context: &HttpContext) {
        self.note(Fact::ContextOpened {
            context: context.id(),
        });
    }

    fn nested_open(&self, _: &HttpContext, nested: &NestedOpen) {
        self.note(Fact::NestedOpen(*nested));
    }

    fn context_closed(&self, _: &HttpContext, report: &ExitReport) {
        self.note(Fact::ContextClosed(report.clone()));
    }

    fn session_opened(&self, _: &HttpContext, session: SessionId, source: SessionSource) {
        self.note(Fact::SessionOpened { session, source });
    }

    fn session_closed(&self, _: &HttpContext, session: SessionId) {
        self.note(Fact::SessionClosed { session });
    }

    fn request_started(
        &self,
        request: &RequestInfo,
        head: &reqwest::Request,
        _: &http::Extensions,
    ) {
        let url = request
            .context()
            .redaction()
            .redact(head.url())
            .into_owned();
        let method = request.method().clone();
        self.note(Fact::RequestStarted {
            request: request.id(),
            method,
            url,
        });
    }

    fn request_queued(&self, request: &RequestInfo) {
        self.note(Fact::RequestQueued {
            request: request.id(),
        });
    }

    fn request_dequeued(&self, request: &RequestInfo, waited: Duration) {
        self.note(Fact::RequestDequeued {
            request: request.id(),
            waited,
        });
    }

    fn request_redirected(
        &self,
        request: &RequestInfo,
        status: StatusCode,
        _: &Url,
        _: &Arc<Host>,
    ) {
        self.note(Fact::RequestRedirected {
            request: request.id(),
            status,
        });
    }

    fn request_answered(&self, request: &RequestInfo, head: &ResponseHead) {
        self.note(Fact::RequestAnswered {
            request: request.id(),
            head: head.clone(),
        });
    }

    fn request_failed(&self, request: &RequestInfo, error: &RequestError) {
        let mut text = error.to_string();
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        self.note(Fact::RequestFailed {
            request: request.id(),
            error: text,
        });
    }

    fn request_cancelled(&self, request: &RequestInfo) {
        self.note(Fact::RequestCancelled {
            request: request.id(),
        });
    }

    fn response_body_ended(&self, request: &RequestInfo, end: &BodyEnd) {
        self.note(Fact::ResponseBodyEnded {
            request: request.id(),
            end: *end,
        });
    }

    fn leak(&self, _: &HttpContext, leak: &Leak) {
        self.note(Fact::Leak(leak.clone()));
    }

    fn leak_resolved(&self, _: &HttpContext, leak: &Leak) {
        self.note(Fact::LeakResolved(leak.clone()));
    }
}

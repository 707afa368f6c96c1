//! A context: an ambient scope with at most one open session.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::children::Children;
use super::nested::NestedOpens;
use super::options::ContextOptions;
use super::overdue;
use crate::error::{BuildError, Redaction, SessionError};
use crate::facts::{ContextInfo, LeakPolicy, NestedOpen, Phase};
use crate::identity::{Attached, CallSite, ContextId};
use crate::leak::{NestedCount, note_nested};
use crate::live::{LiveList, Registration};
use crate::observer::Observers;
use crate::scope::Scope;
use crate::session::{HttpSession, Sessions};
use crate::sync::OnceLock;
use crate::sync::atomic::{Ordering, fence};

/// A context, from [`current`](crate::current).
///
/// Keeping one is harmless: it holds no session and no connection open.
#[derive(Clone)]
pub struct HttpContext(Arc<ContextInner>);

/// Small: a worker may have 100,000 of them open, most without a session. What a session needs
/// stands in [`Sessions`], made at the first use.
struct ContextInner {
    scope: Arc<Scope>,
    options: Arc<ContextOptions>,
    sessions: OnceLock<Arc<Sessions>>,
    children: Children,
    nested_opens: NestedOpens,
    /// The count of the first call site where an `open` passed through.
    nested_at: OnceLock<Arc<NestedCount>>,
    /// Given back when the exit has ended, and not by a drop of this: a forgotten context stays
    /// listed. The lock of its list is taken under it; nothing of a user runs under it.
    registration: Mutex<Option<Registration<ContextInner>>>,
}

static LIVE: LazyLock<LiveList<ContextInner>> = LazyLock::new(LiveList::new);

impl HttpContext {
    pub(crate) fn new(
        options: Arc<ContextOptions>,
        name: Option<Arc<str>>,
        opened_at: CallSite,
    ) -> Self {
        let id = ContextId::next();
        let info = ContextInfo {
            id,
            name: name.map(|name| without_secrets(name, &options.redaction)),
            opened_at,
            opened: Instant::now(),
            leak_policy: options.leaks,
            redaction: options.redaction.clone(),
            keep_alive: options.session_options().keep_alive,
            is_pooled: options.pool.is_some(),
            phase: Phase::default(),
            attached: Attached::default(),
        };
        let observers = Observers::with_default(options.observers.clone());
        let is_listed = options.leaks != LeakPolicy::Off;
        let context = Self(Arc::new(ContextInner {
            // What cannot be is reported where the session is.
            scope: Arc::new(Scope::new(
                info,
                observers,
                options.defaults.resolve().ok().flatten(),
            )),
            options,
            sessions: OnceLock::new(),
            children: Children::default(),
            nested_opens: NestedOpens::default(),
            nested_at: OnceLock::new(),
            registration: Mutex::new(None),
        }));
        if is_listed {
            let registration = LIVE.register(id.get(), Arc::downgrade(&context.0));
            *context.0.registration.lock() = Some(registration);
            if let Some(threshold) = context.0.options.overdue_after {
                overdue::watch_scope(&context.0.scope, threshold);
            }
        }
        context
    }

    /// All whose exit has not ended, but for those that do not look for leaks.
    pub(super) fn all() -> Vec<Self> {
        LIVE.all().into_iter().map(Self).collect()
    }

    /// Who it is: what its observers are given.
    pub fn info(&self) -> &ContextInfo {
        &self.0.scope.info
    }

    /// Its number in this process.
    pub fn id(&self) -> ContextId {
        self.info().id
    }

    /// Its name, when it was given one.
    pub fn name(&self) -> Option<&str> {
        self.info().name()
    }

    /// Where it was opened.
    pub fn opened_at(&self) -> CallSite {
        self.info().opened_at
    }

    /// How long ago it was opened.
    pub fn age(&self) -> Duration {
        self.info().age()
    }

    /// Whether its exit has begun: it gives no session, and admits no request.
    pub fn is_closed(&self) -> bool {
        self.0.scope.info.phase.is_closed()
    }

    /// Whether its exit has ended and was reported.
    pub fn has_exited(&self) -> bool {
        self.0.scope.info.phase.has_ended()
    }

    /// Waits for its exit to begin, which is when its work has ended, is dropped or panics. At once
    /// when it has begun.
    ///
    /// For what would go on for ever, as a child that reads a stream of events: the exit waits for it
    /// up to the [`drain_timeout`](crate::ContextBuilder::drain_timeout), and nothing of one that
    /// ends in that time is a leak. What is under way goes on meanwhile, and only new requests are
    /// refused, so that a farewell can be sent on an open stream. A context that is dropped or panics
    /// waits for nothing, and has cut off what is under way before this is done.
    ///
    /// The future keeps neither a session nor a connection open.
    ///
    /// ```
    /// use http_context::{OpenError, current, open, spawn};
    /// use tokio::sync::mpsc;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let (events, mut stream) = mpsc::channel::<String>(8);
    /// let (_, report) = open(async {
    ///     let closing = current().expect("a context was opened").closing();
    ///     spawn(async move {
    ///         tokio::pin!(closing);
    ///         loop {
    ///             tokio::select! {
    ///                 () = &mut closing => break,
    ///                 event = stream.recv() => println!("{event:?}"),
    ///             }
    ///         }
    ///     });
    ///     Ok::<_, OpenError>(())
    /// })
    /// .with_report()
    /// .await;
    /// assert!(report.expect("a context was opened").is_clean());
    /// # drop(events);
    /// # }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub fn closing(&self) -> impl Future<Output = ()> + Send + use<> {
        Arc::clone(self.scope()).closing()
    }

    /// How many requests have been started and not ended, their bodies included.
    pub fn requests_in_flight(&self) -> usize {
        let sessions = self.0.sessions.get();
        sessions.map_or(0, |sessions| sessions.requests.len())
    }

    /// How many child tasks are alive.
    pub fn children(&self) -> usize {
        self.0.children.len()
    }

    pub(crate) fn scope(&self) -> &Arc<Scope> {
        &self.0.scope
    }

    pub(crate) fn options(&self) -> &ContextOptions {
        &self.0.options
    }

    pub(crate) fn child_list(&self) -> &Children {
        &self.0.children
    }

    pub(crate) fn nested_opens(&self) -> &NestedOpens {
        &self.0.nested_opens
    }

    /// The state of its sessions, once there is any.
    pub(crate) fn sessions_if_any(&self) -> Option<&Arc<Sessions>> {
        self.0.sessions.get()
    }

    /// The state of its sessions.
    pub(crate) fn sessions(&self) -> Result<&Arc<Sessions>, BuildError> {
        if let Some(sessions) = self.0.sessions.get() {
            return Ok(sessions);
        }
        let options = &self.0.options;
        if self.scope().defaults.is_none() {
            // There are none, or they cannot be.
            options.defaults.resolve()?;
        }
        let origin = options.session_origin()?;
        let sessions = self.0.sessions.get_or_init(|| {
            let scope = Arc::clone(&self.0.scope);
            Arc::new(Sessions::new(scope, origin, options.requests))
        });
        // Written first, before the phase is looked at; an exit writes the phase first and looks
        // here second. So one of them sees the other.
        fence(Ordering::SeqCst);
        Ok(sessions)
    }

    /// A handle of the open session, if there is one.
    #[inline]
    pub(super) fn acquire_open(&self, call_site: CallSite) -> Option<HttpSession> {
        self.0.sessions.get()?.acquire_open(call_site)
    }

    /// A handle of the session, which is opened if none is.
    pub(super) fn acquire(
        &self,
        call_site: CallSite,
        spawned_at: Option<CallSite>,
    ) -> Result<HttpSession, SessionError> {
        if !self.is_closed()
            && let Some(session) = self.sessions()?.acquire(call_site)?
        {
            return Ok(session);
        }
        let scope = &self.0.scope;
        scope.report_use_after_exit(call_site, spawned_at);
        Err(scope.context_closed_error(spawned_at).into())
    }

    /// Begins an exit: from here on nothing is admitted. Returns how many opens were nested in it. Who waits for it
    /// has to be [told](Self::tell_closing).
    pub(crate) fn begin_exit(&self, now: Instant) -> u64 {
        self.0.scope.info.phase.close(now);
        fence(Ordering::SeqCst);
        if let Some(sessions) = self.0.sessions.get() {
            sessions.refuse();
        }
        self.0.nested_opens.close()
    }

    /// Tells those who wait for an exit that it has begun.
    pub(crate) fn tell_closing(&self) {
        self.0.scope.changed.notify_waiters();
    }

    /// Ends an exit.
    pub(crate) fn end_exit(&self) {
        self.0.scope.info.phase.end();
        drop(self.0.registration.lock().take());
    }

    /// Whether no request, no body and no child is left.
    pub(crate) fn is_idle(&self) -> bool {
        self.0.children.is_empty() && self.requests_in_flight() == 0
    }

    /// Notes a nested open, whatever becomes of it. Returns whether it came before the exit.
    pub(crate) fn note_nested(&self, nested: &NestedOpen) -> bool {
        if !self.0.nested_opens.note() {
            return false;
        }
        let count = note_nested(nested);
        if nested.policy.passes_through() {
            let _ = self.0.nested_at.set(count);
        }
        true
    }

    /// Notes a nested open that passes through without an observer, if it is known to be one by an
    /// earlier one at the same call site.
    pub(super) fn passes_through_unobserved(&self, call_site: CallSite) -> bool {
        let inner = &*self.0;
        if inner.scope.observers.is_empty()
            && let Some(known) = inner.nested_at.get()
            && std::ptr::eq(known.nested.called_at, call_site)
            && inner.nested_opens.note()
        {
            known.note();
            return true;
        }
        false
    }
}

impl PartialEq for HttpContext {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for HttpContext {}

impl fmt::Debug for HttpContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpContext")
            .field("info", self.info())
            .field("is_closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}

/// A name as it may be shown: whoever names a context after a URL puts its secrets into reports.
fn without_secrets(name: Arc<str>, redaction: &Redaction) -> Arc<str> {
    let redacted = match redaction.redact_text(&name) {
        Cow::Borrowed(_) => None,
        Cow::Owned(redacted) => Some(redacted.into()),
    };
    redacted.unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use std::panic::Location;

    use crate::facts::{NestedOpen, NestedPolicy};
    use crate::{OpenError, current, open};

    #[tokio::test]
    async fn a_nested_open_is_known_by_its_call_site() {
        let work = open(async {
            let context = current().unwrap();
            let (first, other) = (Location::caller(), Location::caller());
            assert!(!context.passes_through_unobserved(first));
            context.note_nested(&NestedOpen {
                outer: context.id(),
                outer_opened_at: context.opened_at(),
                called_at: first,
                policy: NestedPolicy::PassThrough,
            });
            assert!(context.passes_through_unobserved(first));
            assert!(!context.passes_through_unobserved(other));
            Ok::<_, OpenError>(())
        });
        let report = work.with_report().await.1.unwrap();
        assert_eq!(report.nested_opens, 2, "the two that were known");
    }
}

//! A context: an ambient scope with at most one open session.

mod leaks;
mod sessions;

use std::any::Any;
use std::backtrace::Backtrace;
use std::cell::Cell;
use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use parking_lot::ReentrantMutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use leaks::Told;

use crate::attached::Attached;
use crate::backtrace;
use crate::children::Children;
use crate::config::Config;
use crate::current::{BOUND, Bound};
use crate::id::{ContextId, SessionId};
use crate::leak::{Leak, LeakPolicy};
use crate::nested::{NestedOpen, NestedOpens};
use crate::observer::{self, Observer, default_observer};
use crate::place::Place;
use crate::pool::Checkout;
use crate::recent::{self, NestedCount};
use crate::registry::Registration;
use crate::session::SessionState;
use crate::watch;

/// A context, from [`current`](crate::current) or as observers are told of it.
///
/// Keeping one is harmless: it holds no session and no connection open.
#[derive(Clone)]
pub struct HttpContext(Arc<ContextInner>);

/// Small: a worker may have 100,000 of them open, most without a session. What a session needs
/// stands in [`SessionState`], made at the first use.
pub(crate) struct ContextInner {
    pub(crate) id: ContextId,
    pub(crate) name: Option<Arc<str>>,
    pub(crate) opened_at: Place,
    pub(crate) opened: Instant,
    pub(crate) config: Arc<Config>,
    observer: Option<Arc<dyn Observer>>,
    phase: AtomicU8,
    /// When it began to refuse requests.
    closed: OnceLock<Instant>,
    session: OnceLock<Box<SessionState>>,
    /// Held while a session is opened or closed, until that is told: one after another, and none
    /// in the middle of an exit. Re-entrant, since whoever is told may ask for the session. Has the
    /// session that is being told as opened, which nobody can find yet.
    sessions: ReentrantMutex<Cell<Option<SessionId>>>,
    /// Its place in the pool of its session, from open to exit.
    pub(crate) checkout: Mutex<Option<Box<Checkout>>>,
    pub(crate) children: Children,
    pub(crate) nested_opens: NestedOpens,
    /// The count of the first place where an `open` passed through.
    nested_at: OnceLock<Arc<NestedCount>>,
    /// Told when the last request, body or child is gone and an exit may wait for that.
    pub(crate) idle: Notify,
    backtrace: Option<Arc<Backtrace>>,
    /// Given back when the exit has ended. Not by a drop of this: a forgotten context stays listed.
    registration: Mutex<Option<Registration>>,
    /// What was told of the context itself as leaked.
    told: Mutex<Told>,
    attached: Attached,
}

/// The phases of a context, in their order.
const OPEN: u8 = 0;
/// An exit has begun: no request is admitted any more.
const CLOSING: u8 = 1;
/// The exit has ended, and was reported.
const CLOSED: u8 = 2;

impl HttpContext {
    pub(crate) fn new(config: Arc<Config>, name: Option<Arc<str>>, opened_at: Place) -> Self {
        let observer = config.observer.clone().or_else(default_observer);
        let id = ContextId::next();
        let is_watched = config.leaks != LeakPolicy::Off;
        let has_threshold = config.overdue_after.is_some();
        let context = Self(Arc::new(ContextInner {
            id,
            name,
            opened_at,
            opened: Instant::now(),
            config,
            observer,
            phase: AtomicU8::new(OPEN),
            closed: OnceLock::new(),
            session: OnceLock::new(),
            sessions: ReentrantMutex::default(),
            checkout: Mutex::new(None),
            children: Children::default(),
            nested_opens: NestedOpens::default(),
            nested_at: OnceLock::new(),
            idle: Notify::new(),
            backtrace: backtrace::sampled(),
            registration: Mutex::new(None),
            told: Mutex::new(Told::default()),
            attached: Attached::default(),
        }));
        if is_watched {
            let registration = Registration::new(id, Arc::downgrade(&context.0));
            *lock(&context.0.registration) = Some(registration);
            if has_threshold {
                watch::until_overdue(Arc::downgrade(&context.0));
            }
        }
        context
    }

    pub(crate) fn from_inner(inner: Arc<ContextInner>) -> Self {
        Self(inner)
    }

    /// Its number in this process.
    pub fn id(&self) -> ContextId {
        self.0.id
    }

    /// Its name, when it was given one.
    pub fn name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }

    /// Where it was opened.
    pub fn opened_at(&self) -> Place {
        self.0.opened_at
    }

    /// How long ago it was opened.
    pub fn age(&self) -> Duration {
        self.0.opened.elapsed()
    }

    /// Whether its exit has begun: it gives no session, and admits no request.
    pub fn is_closed(&self) -> bool {
        self.0.phase.load(Ordering::SeqCst) != OPEN
    }

    /// Whether its exit has ended and was reported.
    pub fn has_exited(&self) -> bool {
        self.0.phase.load(Ordering::Acquire) == CLOSED
    }

    /// How many requests have been started and not ended, their bodies included.
    pub fn requests_in_flight(&self) -> usize {
        self.0
            .session
            .get()
            .map_or(0, |state| state.in_flight.len())
    }

    /// How many child tasks are alive.
    pub fn children(&self) -> usize {
        self.0.children.len()
    }

    /// What it does about leaks.
    pub fn leak_policy(&self) -> LeakPolicy {
        self.0.config.leaks
    }

    /// Which parts of URLs are secrets in it.
    pub fn redaction(&self) -> &crate::Redaction {
        &self.0.config.redaction
    }

    /// Binds the context to this thread while `f` runs, for blocking code that calls
    /// `http_session()`.
    ///
    /// ```
    /// # use http_context::{OpenError, current, http_session};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), OpenError> {
    /// http_context::open(async {
    ///     let context = current().expect("bound by `open`");
    ///     let thread = std::thread::spawn(move || context.sync_scope(|| http_session().is_ok()));
    ///     assert!(thread.join().expect("the thread does not panic"));
    ///     Ok(())
    /// })
    /// .await
    /// # }
    /// ```
    #[track_caller]
    pub fn sync_scope<R>(&self, f: impl FnOnce() -> R) -> R {
        let place = std::panic::Location::caller();
        let child = crate::children::ChildGuard::new(self.clone(), place);
        let bound = Bound {
            context: self.clone(),
            spawned_at: Some(place),
        };
        let result = BOUND.sync_scope(bound, f);
        drop(child);
        result
    }

    pub(crate) fn inner(&self) -> &ContextInner {
        &self.0
    }

    /// Keeps an observer's own state with the context, unless there is one of its type; says
    /// whether it was kept.
    pub fn attach<T: Any + Send + Sync>(&self, state: T) -> bool {
        self.0.attached.attach(state)
    }

    /// The state of this type that was attached.
    pub fn attached<T: Any>(&self) -> Option<&T> {
        self.0.attached.get()
    }

    /// Whether its session comes from a pool, and its connections outlive it there.
    pub fn is_pooled(&self) -> bool {
        self.0.config.pool.is_some()
    }

    /// How long its session keeps an idle connection.
    pub fn keep_alive(&self) -> Duration {
        self.0.config.keep_alive
    }

    /// Notes a nested open, whatever becomes of it; says whether it came before the exit.
    pub(crate) fn note_nested(&self, nested: &NestedOpen) -> bool {
        if !self.0.nested_opens.note() {
            return false;
        }
        let count = recent::note_nested(nested);
        if nested.policy.passes_through() {
            let _ = self.0.nested_at.set(count);
        }
        true
    }

    /// Notes a nested open that passes through with nobody to tell, if it is known to be one by an
    /// earlier one at the same place.
    pub(crate) fn passes_through_unobserved(&self, place: Place) -> bool {
        let inner = &*self.0;
        if inner.observer.is_none()
            && let Some(known) = inner.nested_at.get()
            && std::ptr::eq(known.nested.inner_place, place)
            && inner.nested_opens.note()
        {
            known.note();
            return true;
        }
        false
    }

    pub(crate) fn observer(&self) -> Option<&dyn Observer> {
        self.0.observer.as_deref()
    }

    pub(crate) fn tell(&self, fact: impl FnOnce(&dyn Observer)) {
        if let Some(observer) = self.observer() {
            observer::tell(observer, fact);
        }
    }
}

impl ContextInner {
    /// Ends an exit; says what was told of the context as leaked and is resolved by it.
    pub(crate) fn end_exit(&self) -> Vec<Leak> {
        self.phase.store(CLOSED, Ordering::Release);
        lock(&self.registration).take();
        let mut told = lock(&self.told);
        told.is_closed = true;
        std::mem::take(&mut told.leaks)
    }

    /// Wakes an exit that waits for the context to be idle.
    pub(crate) fn note_idle(&self) {
        if self.phase.load(Ordering::Acquire) == CLOSING {
            self.idle.notify_waiters();
        }
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.children.is_empty() && !self.has_requests()
    }

    pub(crate) fn has_requests(&self) -> bool {
        let state = self.session.get();
        state.is_some_and(|state| state.in_flight.len() > 0)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
            .field("id", &self.0.id)
            .field("name", &self.0.name)
            .field("opened_at", &format_args!("{}", self.0.opened_at))
            .field("is_closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::panic::Location;

    use crate::nested::{NestedOpen, NestedPolicy};
    use crate::{OpenError, current, open};

    #[tokio::test]
    async fn a_nested_open_is_known_by_its_place() {
        let work = open(async {
            let context = current().unwrap();
            let (first, other) = (Location::caller(), Location::caller());
            assert!(!context.passes_through_unobserved(first));
            context.note_nested(&NestedOpen {
                outer: context.id(),
                outer_place: context.opened_at(),
                inner_place: first,
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

//! A context: an ambient scope with at most one open session.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::children::Children;
use crate::config::Config;
use crate::current::{BOUND, Bound};
use crate::error::{BuildError, ContextClosed, SessionClosed, SessionError};
use crate::id::{ContextId, SessionId};
use crate::leak::{Leak, LeakKind, LeakPolicy};
use crate::observer::{Observer, SessionSource, default_observer};
use crate::place::Place;
use crate::session::{HttpSession, SessionState};

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
    /// Held while a session is built, so that two tasks do not build two.
    building: Mutex<()>,
    pub(crate) children: Children,
    pub(crate) nested_opens: AtomicU64,
    pub(crate) has_panicked: AtomicBool,
    /// Told when the last request, body or child is gone and an exit may wait for that.
    pub(crate) idle: Notify,
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
        Self(Arc::new(ContextInner {
            id: ContextId::next(),
            name,
            opened_at,
            opened: Instant::now(),
            config,
            observer,
            phase: AtomicU8::new(OPEN),
            closed: OnceLock::new(),
            session: OnceLock::new(),
            building: Mutex::new(()),
            children: Children::default(),
            nested_opens: AtomicU64::new(0),
            has_panicked: AtomicBool::new(false),
            idle: Notify::new(),
        }))
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
        self.0.phase.load(Ordering::Acquire) != OPEN
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

    pub(crate) fn tell(&self, fact: impl FnOnce(&dyn Observer)) {
        if let Some(observer) = &self.0.observer {
            fact(&**observer);
        }
    }

    /// The state of its sessions; there is one once a handle or a request exists.
    pub(crate) fn session_state(&self) -> &SessionState {
        self.0
            .session
            .get()
            .expect("a session was built before a handle or a request existed")
    }

    pub(crate) fn session_if_built(&self) -> Option<&SessionState> {
        self.0.session.get().map(|state| &**state)
    }

    /// A handle of the open session; built if there is none.
    pub(crate) fn acquire(
        &self,
        place: Place,
        spawned_at: Option<Place>,
    ) -> Result<HttpSession, SessionError> {
        if let Some(state) = self.0.session.get()
            && let Some(id) = state.open_id()
        {
            return Ok(HttpSession::new(
                self.clone(),
                id,
                state.handles.acquire(place),
            ));
        }
        self.acquire_slowly(place, spawned_at)
    }

    #[cold]
    fn acquire_slowly(
        &self,
        place: Place,
        spawned_at: Option<Place>,
    ) -> Result<HttpSession, SessionError> {
        if self.is_closed() {
            return Err(self.used_after_exit(place, spawned_at).into());
        }
        let id = self.ensure_session()?;
        let Some(id) = id else {
            return Err(self.used_after_exit(place, spawned_at).into());
        };
        let place = self.session_state().handles.acquire(place);
        Ok(HttpSession::new(self.clone(), id, place))
    }

    /// Builds the session if none is open; `None` when the exit came first.
    pub(crate) fn ensure_session(&self) -> Result<Option<SessionId>, BuildError> {
        let building = self
            .0
            .building
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let source = match self.0.session.get() {
            Some(state) => match state.open_id() {
                Some(id) => return Ok(Some(id)),
                None => SessionSource::Recreated,
            },
            None => SessionSource::Created,
        };
        let transport =
            crate::transport::Transport::build(&self.0.config, self.0.observer.as_deref())?;
        let state = self.0.session.get_or_init(Box::default);
        let id = state.open(transport, || !self.is_closed());
        drop(building);
        if let Some(id) = id {
            self.tell(|observer| observer.session_opened(self, id, source));
        }
        Ok(id)
    }

    fn used_after_exit(&self, place: Place, spawned_at: Option<Place>) -> ContextClosed {
        let closed_ago = self
            .0
            .closed
            .get()
            .map(Instant::elapsed)
            .unwrap_or_default();
        if self.leak_policy() != LeakPolicy::Off {
            let mut leak = self.leak(LeakKind::UseAfterExit, Some(place), closed_ago);
            leak.detail = spawned_at.map(|place| format!("in a task spawned at {place}"));
            self.tell(|observer| observer.leak(self, &leak));
        }
        ContextClosed {
            context: self.0.id,
            name: self.0.name.clone(),
            opened_at: self.0.opened_at,
            spawned_at,
            closed_ago,
        }
    }

    pub(crate) fn leak(&self, kind: LeakKind, acquired_at: Option<Place>, age: Duration) -> Leak {
        Leak {
            kind,
            count: 1,
            context: self.0.id,
            name: self.0.name.clone(),
            opened_at: self.0.opened_at,
            acquired_at,
            age,
            detail: None,
        }
    }

    pub(crate) fn session_closed_error(&self, session: SessionId) -> SessionClosed {
        SessionClosed {
            session,
            context: self.0.id,
            opened_at: self.0.opened_at,
        }
    }
}

impl ContextInner {
    /// Begins an exit: from here on nothing is admitted.
    pub(crate) fn begin_exit(&self) {
        let _ = self.closed.set(Instant::now());
        self.phase.store(CLOSING, Ordering::Release);
    }

    pub(crate) fn end_exit(&self) {
        self.phase.store(CLOSED, Ordering::Release);
    }

    /// Wakes an exit that waits for the context to be idle.
    pub(crate) fn note_idle(&self) {
        if self.phase.load(Ordering::Acquire) == CLOSING {
            self.idle.notify_waiters();
        }
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.children.is_empty()
            && self
                .session
                .get()
                .is_none_or(|state| state.in_flight.len() == 0)
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
            .field("id", &self.0.id)
            .field("name", &self.0.name)
            .field("opened_at", &format_args!("{}", self.0.opened_at))
            .field("is_closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}

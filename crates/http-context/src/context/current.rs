//! Which context is bound to the running task.

use std::panic::Location;
use std::sync::Arc;

use super::http_context::HttpContext;
use crate::error::{NoContext, SessionError};
use crate::identity::CallSite;
use crate::session::HttpSession;

tokio::task_local! {
    pub(crate) static BOUND: Bound;
}

/// What is bound to a task.
#[derive(Clone, Debug)]
pub(crate) struct Bound {
    pub(crate) context: HttpContext,
    /// Where the task was spawned from the context, unless it is the context's own.
    pub(crate) spawned_at: Option<CallSite>,
}

/// The session of the context that is bound to this task: the same one every time.
///
/// Takes no lock and allocates nothing once the session is built. In a lazy context the first call
/// builds it; so does the first call after someone closed it early.
///
/// Keep the handle no longer than it is used. One that outlives its context gives
/// [`SessionClosed`](crate::SessionClosed) for every request, and is reported as a leak.
///
/// # Errors
///
/// - [`SessionError::NoContext`] when nothing is bound. A bare `tokio::spawn` starts unbound; use
///   [`spawn`](crate::spawn) to carry the context to a child task.
/// - [`SessionError::ContextClosed`] when the task outlived its context. It is reported as a leak.
/// - [`SessionError::Build`] when the session could not be built.
///
/// # Examples
///
/// ```no_run
/// async fn title_of(id: u32) -> Result<String, Box<dyn std::error::Error>> {
///     let session = http_context::http_session()?;
///     let response = session.get(format!("https://example.com/items/{id}")).send().await?;
///     Ok(response.error_for_status()?.text().await?)
/// }
/// ```
#[track_caller]
pub fn http_session() -> Result<HttpSession, SessionError> {
    let call_site = Location::caller();
    // Little is moved on the way that is taken nearly always: the error is a large type.
    match BOUND.try_with(|bound| bound.context.acquire_open(call_site)) {
        Ok(Some(session)) => Ok(session),
        _ => http_session_slowly(call_site),
    }
}

/// As [`http_session`], of a handle whose place is this one. Written out there once more: a call of
/// this one would be a tenth of what a lookup costs.
pub(crate) fn http_session_at(call_site: CallSite) -> Result<HttpSession, SessionError> {
    match BOUND.try_with(|bound| bound.context.acquire_open(call_site)) {
        Ok(Some(session)) => Ok(session),
        _ => http_session_slowly(call_site),
    }
}

#[cold]
fn http_session_slowly(call_site: CallSite) -> Result<HttpSession, SessionError> {
    // A clone: what opens a session may run code that binds another context.
    let Bound {
        context,
        spawned_at,
    } = bound().ok_or(NoContext)?;
    context.acquire(call_site, spawned_at)
}

/// The context that is bound to this task, if there is one.
///
/// It stays bound after its exit in child tasks that outlive it; see
/// [`HttpContext::is_closed`](crate::HttpContext::is_closed).
///
/// ```
/// # use http_context::{OpenError, current, open};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), OpenError> {
/// assert!(current().is_none());
/// open(async {
///     let context = current().expect("this is inside of one");
///     println!("opened at {}", context.opened_at());
///     Ok(())
/// })
/// .await
/// # }
/// ```
pub fn current() -> Option<HttpContext> {
    BOUND.try_with(|bound| bound.context.clone()).ok()
}

/// Waits for the exit of the context that is bound to this task to begin, as
/// [`HttpContext::closing`](crate::HttpContext::closing) does; for ever where none is bound.
///
/// Which context that is is decided here, and not when the future is polled.
///
/// # Cancel safety
///
/// Dropping the future changes nothing.
///
/// ```
/// # use http_context::{OpenError, closing, open, spawn};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), OpenError> {
/// open(async {
///     // Ends with the context, and is no leak.
///     spawn(closing());
///     Ok(())
/// })
/// .await
/// # }
/// ```
pub fn closing() -> impl Future<Output = ()> + Send + use<> {
    let scope = BOUND.try_with(|bound| Arc::clone(bound.context.scope()));
    async {
        match scope {
            Ok(scope) => scope.closing().await,
            Err(_) => std::future::pending().await,
        }
    }
}

/// What is bound, for a child to be bound to.
pub(crate) fn bound() -> Option<Bound> {
    BOUND.try_with(Bound::clone).ok()
}

/// The context that is bound to this task, unless it has exited.
pub(crate) fn open_context() -> Option<HttpContext> {
    BOUND
        .try_with(|bound| (!bound.context.is_closed()).then(|| bound.context.clone()))
        .ok()
        .flatten()
}

/// Whether an `open` at this call site passes through the bound context, without an observer. Notes
/// it, if so.
pub(crate) fn passes_through_unobserved(call_site: CallSite) -> bool {
    BOUND
        .try_with(|bound| bound.context.passes_through_unobserved(call_site))
        .unwrap_or(false)
}

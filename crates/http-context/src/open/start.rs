//! What an `open` does at its first poll: a fresh context, pass through, or refused.

use std::sync::Arc;

use super::output::OpenOutput;
use crate::context::{
    ContextOptions, HttpContext, default_options, open_context, passes_through_unobserved,
};
use crate::error::{NestedDenied, OpenError, PoolError};
use crate::exit::Exit;
use crate::facts::{NestedOpen, NestedPolicy};
use crate::identity::CallSite;
use crate::pool::{CheckingOut, Checkout};

/// What a builder has, but for its methods.
#[derive(Clone)]
pub(crate) struct Blueprint {
    pub(super) options: Arc<ContextOptions>,
    pub(super) name: Option<Arc<str>>,
}

impl Default for Blueprint {
    fn default() -> Self {
        Self {
            options: default_options(),
            name: None,
        }
    }
}

/// What is needed to open, until the first poll.
pub(crate) struct Start<O> {
    /// Taken when the context is opened. The defaults where there is none.
    blueprint: Option<Blueprint>,
    is_lazy: bool,
    opened_at: CallSite,
    /// Opens a fresh context whatever is bound.
    is_job: bool,
    pub(super) refused: fn(OpenError) -> O,
    /// Until there is a permit of the pool.
    pub(super) waiting: Option<CheckingOut>,
    /// Of the context, once it is opened.
    pub(super) exit: Option<Exit>,
}

pub(super) enum Opened {
    PassThrough,
    Fresh(HttpContext),
    Refused(OpenError),
}

impl<O> Start<O> {
    pub(crate) fn open(blueprint: Option<Blueprint>, opened_at: CallSite) -> Self
    where
        O: OpenOutput,
    {
        Self {
            is_lazy: blueprint.as_ref().is_some_and(|b| b.options.is_lazy),
            blueprint,
            opened_at,
            is_job: false,
            refused: O::refused,
            waiting: None,
            exit: None,
        }
    }

    /// As `open`, for a job: a context of its own, whatever is bound. It is built lazily, and so
    /// nothing can refuse it.
    pub(crate) fn job(blueprint: Option<Blueprint>, opened_at: CallSite) -> Self {
        Self {
            is_lazy: true,
            blueprint,
            opened_at,
            is_job: true,
            refused: |_| unreachable!("a lazy context that binds always has nothing to refuse"),
            waiting: None,
            exit: None,
        }
    }

    #[inline]
    pub(super) fn begin(&mut self) -> Opened {
        if !self.is_job && passes_through_unobserved(self.opened_at) {
            return Opened::PassThrough;
        }
        self.begin_slowly()
    }

    fn begin_slowly(&mut self) -> Opened {
        if let Some(outer) = open_context()
            && let Some(nested) = self.nested_in(&outer)
        {
            let scope = outer.scope();
            scope.notify(|observer| observer.nested_open(&scope.info, &nested));
            match nested.policy {
                NestedPolicy::PassThrough | NestedPolicy::Warn => return Opened::PassThrough,
                NestedPolicy::Deny => {
                    let denied = NestedDenied {
                        outer: nested.outer_opened_at,
                        inner: self.opened_at,
                    };
                    return Opened::Refused(denied.into());
                }
                NestedPolicy::Isolate => {}
            }
        }
        let Blueprint { options, name } = self.blueprint.take().unwrap_or_default();
        let context = HttpContext::new(options, name, self.opened_at);
        let scope = context.scope();
        scope.notify(|observer| observer.context_opened(&scope.info));
        Opened::Fresh(context)
    }

    /// Notes that this opens inside a context, unless the exit of that has begun just now.
    fn nested_in(&self, outer: &HttpContext) -> Option<NestedOpen> {
        let policy = if self.is_job {
            NestedPolicy::Isolate
        } else {
            outer.options().nested
        };
        let nested = NestedOpen {
            outer: outer.id(),
            outer_opened_at: outer.opened_at(),
            called_at: self.opened_at,
            policy,
        };
        outer.note_nested(&nested).then_some(nested)
    }

    /// Takes a permit of its pool, or begins to wait for one.
    pub(super) fn begin_checkout(&mut self) {
        if let Some(exit) = &self.exit
            && exit.context().options().pool.is_some()
            // Otherwise the error comes with the session.
            && let Ok(sessions) = exit.context().sessions()
        {
            self.waiting = sessions.begin_checkout();
        }
    }

    /// Makes a context that was opened ready for its work.
    pub(super) fn enter(
        &self,
        context: &HttpContext,
        checked_out: Option<Result<Checkout, PoolError>>,
    ) -> Result<(), OpenError> {
        match checked_out {
            Some(Ok(permit)) => context.sessions()?.put_permit(permit),
            // A job that waited in vain gets the error from `http_session()`, if it asks.
            Some(Err(error)) if !self.is_job => return Err(error.into()),
            Some(Err(_)) | None => {}
        }
        if !self.is_lazy {
            context.sessions()?.ensure_open()?;
        }
        Ok(())
    }
}

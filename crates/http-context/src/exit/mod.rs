//! The exit of a context: refuse, drain, abort, close, verify, report.

mod find;
mod sockets;

pub(crate) use sockets::{CLOSES_WITHIN, wait_for_close};

use std::sync::atomic::Ordering;

use tokio::time::{Instant, timeout, timeout_at};

use crate::context::HttpContext;
use crate::leak::{Leak, LeakPolicy};
use crate::pool::PoolCloseReason;
use crate::report::{ExitReport, Outcome};
use crate::session::SessionState;
use crate::until::until;
use sockets::to_release;

/// Owns the exit of a context. It happens exactly once: awaited, or when this is dropped.
#[derive(Debug)]
pub(crate) struct ExitGuard {
    /// Taken when the exit is complete.
    context: Option<HttpContext>,
    begun: Option<Instant>,
    outcome: Outcome,
    /// What the outcome is when this is dropped.
    when_dropped: Outcome,
    /// What was cut off, and what was opened inside, for the report.
    aborted: u64,
    nested_opens: u64,
    /// What was found so far. Kept here, so that an exit which is dropped tells it as well: once it
    /// is marked, its release will be told.
    leaks: Vec<Leak>,
    /// Whether what is let go is kept until these are told.
    holds_resolved: bool,
}

impl ExitGuard {
    pub(crate) fn new(context: HttpContext) -> Self {
        Self {
            context: Some(context),
            begun: None,
            outcome: Outcome::Cancelled,
            when_dropped: Outcome::Cancelled,
            aborted: 0,
            nested_opens: 0,
            leaks: Vec::new(),
            holds_resolved: false,
        }
    }

    /// The context whose exit this is.
    pub(crate) fn context(&self) -> &HttpContext {
        let context = self.context.as_ref();
        context.expect("taken when the exit is complete")
    }

    /// Exits at once, since the work has panicked.
    pub(crate) fn panicked(mut self) {
        self.when_dropped = Outcome::Panicked;
    }

    /// Begins the exit: the work has ended with this outcome, and nothing more is admitted.
    fn begin(&mut self, outcome: Outcome) {
        let Some(context) = &self.context else { return };
        if self.begun.is_some() {
            return;
        }
        self.begun = Some(Instant::now());
        self.outcome = outcome;
        self.nested_opens = context.begin_exit();
    }

    /// The whole exit, when there is nothing to wait for: nothing in flight, and no connection
    /// opened.
    pub(crate) fn exit_at_once(&mut self, outcome: Outcome) -> Option<ExitReport> {
        self.begin(outcome);
        let context = self.context.as_ref()?;
        if !context.inner().is_idle() {
            return None;
        }
        let context = context.clone();
        self.settle(&context);
        if let Some(state) = context.session_if_built()
            && state.has_connections()
        {
            return None;
        }
        self.find_held();
        self.report()
    }

    /// The exit, awaited.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the rest to the drop of the guard, which does it at once.
    pub(crate) async fn exit(mut self) -> Option<ExitReport> {
        let context = self.context.clone()?;
        let inner = context.inner();
        // Running out of time is no error here: what is left is cut off, and reported.
        let _ = timeout(
            inner.config.drain_timeout,
            until(&inner.idle, || inner.is_idle()),
        )
        .await;
        self.find_living();
        self.abort(&context);
        // One deadline for all that was cut off or closed. What is left then is found below.
        let gone_by = Instant::now() + CLOSES_WITHIN;
        // What another thread is polling ends there, and may open a connection until then.
        let has_ended = until(&inner.idle, || !inner.has_requests());
        let _ = timeout_at(gone_by, has_ended).await;
        self.settle(&context);
        if let Some(state) = context.session_if_built() {
            let _ = timeout_at(gone_by, state.until_given_up()).await;
        }
        let mut connections = to_release(&context);
        if self.looks_for_leaks() && context.inner().config.verify_sockets {
            self.find_sockets(&mut connections, gone_by).await;
        }
        self.find_held();
        self.report()
    }

    fn abort(&mut self, context: &HttpContext) {
        let Some(state) = context.session_if_built() else {
            return;
        };
        for exchange in state.in_flight.snapshot() {
            exchange.abort();
            self.aborted += 1;
        }
    }

    /// Drops the client and its connections; or gives them back to the pool they came from, when
    /// nothing was left behind.
    fn settle(&self, context: &HttpContext) {
        let state = context.session_if_built();
        let Some(checkout) = context.take_checkout() else {
            if let Some(state) = state {
                state.drop_transport();
            }
            return;
        };
        let has_leaked = || {
            !self.leaks.is_empty()
                || self.looks_for_leaks() && state.is_some_and(SessionState::has_holders)
        };
        let spent = if self.aborted > 0 {
            Some(PoolCloseReason::Aborted)
        } else {
            has_leaked().then_some(PoolCloseReason::Leaked)
        };
        match (spent, state) {
            // The pool hands it on.
            (None, Some(state)) => drop(state.take_transport()),
            // Its sockets are verified by this exit.
            (Some(_), Some(state)) => state.drop_transport(),
            (_, None) => {}
        }
        match spent {
            None => checkout.give_back(),
            Some(reason) => checkout.close(reason),
        }
    }

    fn looks_for_leaks(&self) -> bool {
        self.context
            .as_ref()
            .is_some_and(|context| context.leak_policy() != LeakPolicy::Off)
    }

    /// Ends the exit with its report; the observer is told.
    fn report(&mut self) -> Option<ExitReport> {
        let context = self.context.take()?;
        let inner = context.inner();
        let resolved = inner.end_exit();
        let total = |of: fn(&SessionState) -> &std::sync::atomic::AtomicU64| {
            context
                .session_if_built()
                .map_or(0, |state| of(state).load(Ordering::Relaxed))
        };
        let report = ExitReport {
            context: inner.id,
            name: inner.name.clone(),
            opened_at: inner.opened_at,
            outcome: self.outcome,
            duration: inner.opened.elapsed(),
            exit_duration: self.begun.map(|begun| begun.elapsed()).unwrap_or_default(),
            requests: total(|state| &state.totals.requests),
            aborted: self.aborted,
            connections_opened: total(|state| &state.totals.connections_opened),
            connections_reused: total(|state| &state.totals.connections_reused),
            bytes_sent: total(|state| &state.totals.bytes_sent),
            bytes_received: total(|state| &state.totals.bytes_received),
            nested_opens: self.nested_opens,
            leaks: std::mem::take(&mut self.leaks),
        };
        for leak in resolved {
            let leak = Leak {
                age: inner.opened.elapsed(),
                ..leak
            };
            context.tell_resolved(&leak);
        }
        for leak in &report.leaks {
            context.tell_leak(leak);
        }
        if self.holds_resolved {
            context.tell_held_resolved();
        }
        context.tell(|observer| observer.context_closed(&context, &report));
        Some(report)
    }
}

/// Dropped instead of awaited: everything that can be done without waiting is done now.
impl Drop for ExitGuard {
    fn drop(&mut self) {
        let Some(context) = self.context.clone() else {
            return;
        };
        let outcome = self.when_dropped;
        self.begin(outcome);
        // Also where the work had ended and its exit was dropped: its output is lost.
        self.outcome = outcome;
        self.abort(&context);
        if let Some(state) = context.session_if_built() {
            state.drop_transport();
        }
        if let Some(checkout) = context.take_checkout() {
            checkout.close(PoolCloseReason::Unverified);
        }
        drop(to_release(&context));
        // Children that were aborted with the work may not have been dropped yet, so what they
        // hold is no leak: nothing more is looked for.
        self.report();
    }
}

//! The three ways out of a context, as sequences of the same steps.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::join;
use tokio::time::{Instant, timeout};

use super::farewell::Farewells;
use super::{find, turn, verify};
use crate::connection::{CLOSES_WITHIN, ClosedConnections};
use crate::context::HttpContext;
use crate::facts::{ExitReport, Leak, Outcome, PoolCloseReason};
use crate::scope::Scope;
use crate::session::Sessions;
use crate::wait_until::wait_until;

/// How long what came over a plain client may take to be dropped, when the client was: until then its
/// socket is open, and nobody knows what for.
const PLAIN_CLOSES_WITHIN: Duration = Duration::from_millis(100);

/// The exit of one context. It happens exactly once: awaited, or when this is dropped.
#[derive(Debug)]
pub(crate) struct Exit {
    /// Taken when the exit is complete.
    context: Option<HttpContext>,
    begun: Option<Instant>,
    outcome: Outcome,
    /// What the outcome is when this is dropped.
    when_dropped: Outcome,
    /// What was cut off, and what was opened inside, for the report.
    aborted: u64,
    nested_opens: u64,
    /// What was found so far. Kept here, so that an exit that is dropped reports it as well: once
    /// it is marked, its release will be reported.
    leaks: Vec<Leak>,
    /// Upgraded connections that took leave.
    farewells: Farewells,
    /// Whether resolutions are kept until these are reported.
    defers: bool,
    /// Whether those that hold the session were looked for: what lets go later resolves its leak.
    has_judged: bool,
}

impl Exit {
    pub(crate) fn new(context: HttpContext) -> Self {
        Self {
            context: Some(context),
            begun: None,
            outcome: Outcome::Cancelled,
            when_dropped: Outcome::Cancelled,
            aborted: 0,
            nested_opens: 0,
            leaks: Vec::new(),
            farewells: Farewells::default(),
            defers: false,
            has_judged: false,
        }
    }

    /// The context whose exit this is.
    pub(crate) fn context(&self) -> &HttpContext {
        let context = self.context.as_ref();
        context.expect("taken when the exit is complete")
    }

    /// The whole exit, when there is nothing to wait for: nothing in flight, and no connection
    /// opened.
    pub(crate) fn at_once(&mut self, outcome: Outcome) -> Option<ExitReport> {
        self.refuse(outcome);
        let context = self.context.clone()?;
        context.tell_closing();
        if !context.is_idle() {
            return None;
        }
        drop_unpooled(&context);
        if self.has_holders(&context) {
            // They may be about to let go.
            return None;
        }
        self.settle(&context);
        if has_connections(&context) {
            return None;
        }
        self.find_holders(&context);
        self.report()
    }

    /// The exit, awaited, after `at_once` has found something to wait for.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the rest to the drop of this, which does it at once.
    pub(crate) async fn awaited(mut self) -> Option<ExitReport> {
        let context = self.context.clone()?;
        let begun = Instant::now();
        if !context.is_idle() {
            self.farewells = Farewells::say(&context);
            drain(&context, &self.farewells).await;
        }
        // Tasks of connections have had their turns where all has waited for that long.
        let has_waited = begun.elapsed() >= CLOSES_WITHIN;
        let closes_within = if has_waited {
            CLOSES_WITHIN / 2
        } else {
            CLOSES_WITHIN
        };
        self.find_living(&context);
        self.abort(&context);
        // One deadline for all that was cut off or closed. What is left then is found below.
        let gone_by = Instant::now() + closes_within;
        if context.requests_in_flight() > 0 {
            verify::wait_until_ended(&context, gone_by).await;
        }
        // First, since what a session is made of may hold one: a middleware, or a body.
        drop_unpooled(&context);
        self.let_go(&context).await;
        if has_permit(&context) || has_plain_connections(&context) {
            // What is found here is why the pool closes it; and a request of a plain client lets go of
            // the client when its connection is cut off.
            self.find_holders(&context);
        }
        self.settle(&context);
        if has_connections(&context) {
            self.verify(&context, gone_by).await;
        }
        self.find_holders(&context);
        self.report()
    }

    /// Exits at once, since the work has panicked.
    pub(crate) fn panicked(mut self) {
        self.when_dropped = Outcome::Panicked;
    }

    /// Exits at once, where nothing can be waited for: the work has ended with this outcome, and what it
    /// came to is not lost.
    pub(crate) fn unattended(mut self, outcome: Outcome) {
        self.when_dropped = outcome;
    }

    /// Begins the exit: the work has ended with this outcome, and nothing more is admitted.
    fn refuse(&mut self, outcome: Outcome) {
        let Some(context) = &self.context else { return };
        if self.begun.is_some() {
            return;
        }
        let now = Instant::now();
        self.begun = Some(now);
        self.outcome = outcome;
        self.nested_opens = context.begin_exit(now);
    }

    fn find_living(&mut self, context: &HttpContext) {
        if context.scope().looks_for_leaks() && !context.is_idle() {
            self.defer(context.scope());
            find::living(context, &mut self.leaks);
        }
    }

    fn abort(&mut self, context: &HttpContext) {
        let Some(sessions) = context.sessions_if_any() else {
            return;
        };
        let left = sessions.requests.all();
        if !left.is_empty() {
            sessions.note_closing();
        }
        for exchange in left {
            self.aborted += u64::from(exchange.abort());
        }
    }

    /// Drops the client and its connections; or gives them back to the pool they came from, when
    /// nothing was left behind.
    fn settle(&self, context: &HttpContext) {
        let Some(sessions) = context.sessions_if_any() else {
            return;
        };
        let Some(permit) = sessions.take_permit() else {
            sessions.drop_transport();
            return;
        };
        // What another thread is ending may hold a connection for a moment more.
        let is_in_use = self.aborted > 0 || context.requests_in_flight() > 0;
        let spent = if is_in_use {
            Some(PoolCloseReason::Aborted)
        } else {
            (!self.leaks.is_empty()).then_some(PoolCloseReason::Leaked)
        };
        match spent {
            None => {
                // The pool hands it on.
                drop(sessions.take_transport());
                permit.give_back();
            }
            Some(reason) => {
                // Its sockets are verified by this exit.
                sessions.drop_transport();
                permit.close(reason);
            }
        }
    }

    /// Waits until the operating system shows no socket of the sessions that were dropped. What is
    /// left is cut off, and a leak.
    async fn verify(&mut self, context: &HttpContext, gone_by: Instant) {
        let Some(sessions) = context.sessions_if_any() else {
            return;
        };
        verify::wait_until_given_up(sessions, gone_by).await;
        // Both are taken first: what is dropped in the middle of this is looked after in the background.
        let plain = take_plain(context, sessions);
        let closed = take_closed(context, sessions);
        if verifies(context) {
            // What holds the client holds its idle connections, for as long as it likes.
            let within = if sessions.has_holders() {
                Duration::ZERO
            } else {
                PLAIN_CLOSES_WITHIN
            };
            let plain_gone_by = gone_by.min(Instant::now() + within);
            for (closed, gone_by) in [(plain, plain_gone_by), (closed, gone_by)] {
                let held = closed.verify(gone_by).await;
                if !held.is_empty() {
                    self.defer(context.scope());
                    verify::add_leaks(context.scope(), held, &mut self.leaks);
                }
            }
        }
    }

    /// Whether someone holds what is a leak at the end.
    fn has_holders(&self, context: &HttpContext) -> bool {
        !self.has_judged
            && context.scope().looks_for_leaks()
            && (context.sessions_if_any().is_some_and(|s| s.has_holders())
                || self.farewells.any_kept())
    }

    async fn let_go(&self, context: &HttpContext) {
        if let Some(sessions) = context.sessions_if_any()
            && self.has_holders(context)
        {
            turn::let_go(context, sessions, &self.farewells).await;
        }
    }

    /// Marks those that hold something as leaked, once.
    fn find_holders(&mut self, context: &HttpContext) {
        if let Some(sessions) = context.sessions_if_any()
            && self.has_holders(context)
        {
            self.defer(context.scope());
            self.leaks.extend(sessions.mark_holders_leaked());
            self.farewells.mark_kept(&mut self.leaks);
        }
        self.has_judged = true;
    }

    /// From here on resolutions wait until what is found was reported.
    fn defer(&mut self, scope: &Scope) {
        scope.defer_resolutions();
        self.defers = true;
    }

    /// Ends the exit with its report, and notifies observers.
    fn report(&mut self) -> Option<ExitReport> {
        let context = self.context.take()?;
        let scope = context.scope();
        context.end_exit();
        let now = Instant::now();
        let age = now.duration_since(scope.info.opened);
        let stats = &scope.stats;
        let total = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let report = ExitReport {
            context: scope.info.id,
            name: scope.info.name.clone(),
            opened_at: scope.info.opened_at,
            outcome: self.outcome,
            duration: age,
            exit_duration: self
                .begun
                .map_or(Duration::ZERO, |begun| now.duration_since(begun)),
            requests: total(&stats.requests.started),
            plain_requests: total(&stats.requests.plain),
            aborted: self.aborted,
            connections_opened: total(&stats.requests.connections_opened),
            connections_reused: total(&stats.requests.connections_reused),
            bytes_sent: total(&stats.requests.bytes_sent),
            bytes_received: total(&stats.requests.bytes_received),
            websockets_borrowed: total(&stats.websockets_borrowed),
            callers: stats.callers(),
            nested_opens: self.nested_opens,
            leaks: std::mem::take(&mut self.leaks),
        };
        for leak in scope.close_reports() {
            scope.report_resolved(&Leak { age, ..leak });
        }
        for leak in &report.leaks {
            scope.report_leak(leak);
        }
        if self.defers {
            scope.flush_deferred();
        }
        scope.notify(|observer| observer.context_closed(&scope.info, &report));
        Some(report)
    }
}

/// Dropped instead of awaited: everything that can be done without waiting is done now.
impl Drop for Exit {
    fn drop(&mut self) {
        let Some(context) = self.context.clone() else {
            return;
        };
        let outcome = self.when_dropped;
        self.refuse(outcome);
        // Also where the work had ended and its exit was dropped: its output is lost.
        self.outcome = outcome;
        self.abort(&context);
        // There is nothing left for them to end: what they would have had is cut off, and counted as that.
        context.tell_closing();
        if let Some(sessions) = context.sessions_if_any() {
            close_unverified(&context, sessions);
        }
        // Children that were aborted with the work may not have been dropped yet, so what they
        // hold is no leak: nothing more is looked for.
        self.report();
    }
}

/// Waits for requests, bodies, upgraded connections and children, up to the drain timeout.
async fn drain(context: &HttpContext, farewells: &Farewells) {
    let is_idle = wait_until(&context.scope().changed, || context.is_idle());
    let is_drained = join(is_idle, farewells.answered());
    // Running out of time is no error here: what is left is cut off, and reported.
    let _ = timeout(context.options().drain_timeout, is_drained).await;
}

/// Drops the clients that go back to no pool.
fn drop_unpooled(context: &HttpContext) {
    if let Some(sessions) = context.sessions_if_any() {
        sessions.drop_plain_client(None);
        if !sessions.has_permit() {
            sessions.drop_transport();
        }
    }
}

fn has_permit(context: &HttpContext) -> bool {
    context.sessions_if_any().is_some_and(|s| s.has_permit())
}

fn has_plain_connections(context: &HttpContext) -> bool {
    let sessions = context.sessions_if_any();
    sessions.is_some_and(|s| s.has_plain_connections())
}

fn has_connections(context: &HttpContext) -> bool {
    let sessions = context.sessions_if_any();
    sessions.is_some_and(|s| s.has_connections())
}

/// Whether the operating system is asked what is left of the context's sockets.
fn verifies(context: &HttpContext) -> bool {
    context.scope().looks_for_leaks() && context.options().verify_sockets
}

/// The connections of the sessions that were dropped.
fn take_closed(context: &HttpContext, sessions: &Sessions) -> ClosedConnections {
    let scope = verifies(context).then(|| Arc::clone(context.scope()));
    ClosedConnections::new(sessions.take_connections(), scope, CLOSES_WITHIN)
}

/// The connections of the plain clients of those.
fn take_plain(context: &HttpContext, sessions: &Sessions) -> ClosedConnections {
    let scope = verifies(context).then(|| Arc::clone(context.scope()));
    ClosedConnections::new(
        sessions.take_plain_connections(),
        scope,
        PLAIN_CLOSES_WITHIN,
    )
}

/// Closes the session, and leaves it to others to look at what is left of its sockets.
fn close_unverified(context: &HttpContext, sessions: &Arc<Sessions>) {
    sessions.drop_plain_client(None);
    sessions.drop_transport();
    if let Some(permit) = sessions.take_permit() {
        permit.close(PoolCloseReason::Unverified);
    }
    drop(take_closed(context, sessions));
    drop(take_plain(context, sessions));
}

#[cfg(all(test, http_context_loom))]
mod models;

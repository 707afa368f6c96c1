//! The exit of a context: refuse, drain, abort, close, verify, report.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;

use crate::connection::AddressPair;
use crate::context::HttpContext;
use crate::leak::{Leak, LeakKind, LeakPolicy};
use crate::place::{Holders, PlaceCounts};
use crate::pool::PoolCloseReason;
use crate::report::{ExitReport, Outcome};
use crate::session::SessionState;
use crate::sockets::{self, Connection};
use crate::watch;

/// How long the sockets of a closed session may take to be gone: their tasks have to be run by
/// the runtime.
const SOCKETS_CLOSE_WITHIN: Duration = Duration::from_secs(2);

/// How often the tasks of connections are given a turn before time is given to them.
const TURNS_FOR_TASKS: u32 = 4;

/// So many sockets are asked for on the runtime's own thread: at some microseconds each that is
/// less than handing the question to another one.
const ASKED_IN_PLACE: usize = 8;

/// Owns the exit of a context. It happens exactly once: awaited, or when this is dropped.
#[derive(Debug)]
pub(crate) struct ExitGuard {
    /// Taken when the exit is complete.
    context: Option<HttpContext>,
    begun: Option<Instant>,
    outcome: Outcome,
    /// What the outcome is when this is dropped.
    when_dropped: Outcome,
    /// What was cut off, for the report.
    aborted: u64,
}

impl ExitGuard {
    pub(crate) fn new(context: HttpContext) -> Self {
        Self {
            context: Some(context),
            begun: None,
            outcome: Outcome::Cancelled,
            when_dropped: Outcome::Cancelled,
            aborted: 0,
        }
    }

    /// The context whose exit this is.
    pub(crate) fn context(&self) -> HttpContext {
        self.context
            .clone()
            .expect("taken when the exit is complete")
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
        context.inner().begin_exit();
        refuse(context);
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
        self.settle(&context, &[]);
        if let Some(state) = context.session_if_built()
            && state.has_connections()
        {
            return None;
        }
        let leaks = self.leaks_of_holders();
        self.report(leaks)
    }

    /// The exit, awaited.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the rest to the drop of the guard, which does it at once.
    pub(crate) async fn exit(mut self) -> Option<ExitReport> {
        let context = self.context.clone()?;
        drain(&context).await;
        let mut leaks = self.leaks_of_living();
        self.abort(&context);
        self.settle(&context, &leaks);
        let mut connections = to_release(&context);
        if self.looks_for_leaks() && context.inner().config.verify_sockets {
            leaks.extend(self.leaks_of_sockets(&mut connections).await);
        }
        leaks.extend(self.leaks_of_holders());
        self.report(leaks)
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
    fn settle(&self, context: &HttpContext, leaks: &[Leak]) {
        let state = context.session_if_built();
        let Some(checkout) = context.take_checkout() else {
            if let Some(state) = state {
                state.drop_transport();
            }
            return;
        };
        let has_leaked = || {
            !leaks.is_empty()
                || self.looks_for_leaks() && state.is_some_and(SessionState::has_holders)
        };
        let spent = if self.aborted > 0 {
            Some(PoolCloseReason::Aborted)
        } else {
            has_leaked().then_some(PoolCloseReason::Leaked)
        };
        match (spent, state) {
            (None, Some(state)) => state.detach_transport(),
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

    /// Requests, bodies and children that are there at the drain deadline.
    fn leaks_of_living(&self) -> Vec<Leak> {
        let Some(context) = self.context.as_ref().filter(|_| self.looks_for_leaks()) else {
            return Vec::new();
        };
        let mut leaks = Vec::new();
        for exchange in context
            .session_if_built()
            .into_iter()
            .flat_map(|s| s.in_flight.tell_live())
        {
            merge(&mut leaks, exchange.leak());
        }
        for child in context.inner().children.tell_alive() {
            merge(&mut leaks, child.leak(context));
        }
        leaks
    }

    /// Handles and clients that are there now.
    fn leaks_of_holders(&self) -> Vec<Leak> {
        let Some(context) = self.context.as_ref().filter(|_| self.looks_for_leaks()) else {
            return Vec::new();
        };
        let Some(state) = context
            .session_if_built()
            .filter(|state| state.has_holders())
        else {
            return Vec::new();
        };
        let held = |counts: &PlaceCounts, kind| {
            let leak = |Holders {
                            place,
                            count,
                            backtrace,
                        }| Leak {
                count,
                backtrace,
                ..state.holder_leak(context, kind, place)
            };
            counts.tell_live().map(leak).collect::<Vec<_>>()
        };
        let mut leaks = held(&state.handles, LeakKind::SessionHandle);
        leaks.extend(held(&state.clients, LeakKind::ClientClone));
        leaks
    }

    /// Sockets that the operating system says are open, once their tasks had the time to close
    /// them.
    async fn leaks_of_sockets(&self, connections: &mut ToRelease) -> Vec<Leak> {
        let Some(context) = &self.context else {
            return Vec::new();
        };
        let held = wait_for_close(connections.0.clone()).await;
        connections
            .0
            .retain(|connection| !held.contains(connection));
        let age = context
            .session_if_built()
            .map(SessionState::age)
            .unwrap_or_default();
        let leak = |connection: Connection| {
            let mut leak = context.leak(LeakKind::Connection, None, age);
            let (AddressPair { local, remote }, id) = connection;
            leak.detail = Some(format!("connection {id} from {local} to {remote}"));
            // From here on it is watched, to be told when it closes after all.
            watch::until_closed(context.clone(), connection, leak.clone());
            leak
        };
        held.into_iter().map(leak).collect()
    }

    /// Ends the exit with its report; the observer is told.
    fn report(&mut self, leaks: Vec<Leak>) -> Option<ExitReport> {
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
            nested_opens: inner.nested_opens.load(Ordering::Relaxed),
            leaks,
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
        // hold is no leak: nothing is verified.
        self.report(Vec::new());
    }
}

fn refuse(context: &HttpContext) {
    if let Some(state) = context.session_if_built()
        && let Some(id) = state.open_id()
        && state.close(id)
    {
        context.tell(|observer| observer.session_closed(context, id));
    }
}

async fn drain(context: &HttpContext) {
    let inner = context.inner();
    let until_idle = async {
        loop {
            let idle = inner.idle.notified();
            tokio::pin!(idle);
            // Listens before it looks, so that what ends in between is heard.
            idle.as_mut().enable();
            if inner.is_idle() {
                return;
            }
            idle.await;
        }
    };
    // Running out of time is no error here: what is left is cut off, and reported.
    let _ = tokio::time::timeout(inner.config.drain_timeout, until_idle).await;
}

/// The connections of the sessions that the context has closed.
fn to_release(context: &HttpContext) -> ToRelease {
    context
        .session_if_built()
        .map(|state| ToRelease(state.take_connections()))
        .unwrap_or_default()
}

/// Connections that the exit no longer answers for once this is dropped.
#[derive(Default)]
struct ToRelease(Vec<Connection>);

impl Drop for ToRelease {
    fn drop(&mut self) {
        for (addresses, id) in &self.0 {
            sockets::release(*addresses, *id);
        }
    }
}

/// Waits until the operating system shows none of these sockets, or for as long as it may take;
/// gives back those that are left.
pub(crate) async fn wait_for_close(mut connections: Vec<Connection>) -> Vec<Connection> {
    let deadline = Instant::now() + SOCKETS_CLOSE_WITHIN;
    let mut turns = 0;
    let mut pause = Duration::from_micros(200);
    while !connections.is_empty() {
        if turns < TURNS_FOR_TASKS {
            // A socket is closed by the task of its connection: most are after a turn or two.
            turns += 1;
            tokio::task::yield_now().await;
        } else {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(50));
        }
        let is_last = Instant::now() >= deadline;
        // Where the operating system cannot be asked, that is no proof of a leak.
        connections = still_held(connections).await.unwrap_or_default();
        if is_last {
            break;
        }
    }
    connections
}

async fn still_held(connections: Vec<Connection>) -> Option<Vec<Connection>> {
    if connections.len() <= ASKED_IN_PLACE {
        return sockets::still_held(&connections);
    }
    // A panic there cannot be told from not being able to ask.
    tokio::task::spawn_blocking(move || sockets::still_held(&connections))
        .await
        .ok()
        .flatten()
}

/// Counts leaks of the same kind and place together; the oldest gives the age.
fn merge(leaks: &mut Vec<Leak>, leak: Leak) {
    let same = |other: &&mut Leak| {
        other.kind == leak.kind
            && other.acquired_at == leak.acquired_at
            && other.detail == leak.detail
    };
    match leaks.iter_mut().find(same) {
        Some(known) => {
            known.count += leak.count;
            known.age = known.age.max(leak.age);
        }
        None => leaks.push(leak),
    }
}

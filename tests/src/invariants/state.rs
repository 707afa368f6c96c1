//! What is open, and what did not fit.

use std::collections::{HashMap, HashSet};

use http_context::{
    BodyEnd, BodyEndReason, ConnectionInfo, ConnectionUse, ContextId, ExitReport, Leak, LeakKind,
    NestedPolicy, Outcome, RequestId, RequestInfo, SessionId,
};

use super::totals::{Balance, Totals};

/// After this many, what does not fit is only counted.
const MISFITS_KEPT: usize = 20;

#[derive(Default)]
pub(super) struct State {
    pub(super) totals: Totals,
    contexts: HashMap<ContextId, Context>,
    /// What contexts have reported and is still to come.
    owed: HashMap<ContextId, Owed>,
    sessions: HashSet<SessionId>,
    requests: HashMap<RequestId, (ContextId, Stage)>,
    /// Those whose connection is upgraded, which ends before they do.
    upgraded: HashSet<RequestId>,
    /// Connects under way.
    connecting: i64,
    pub(super) pool_used: i64,
    leaks_open: HashMap<LeakKind, i64>,
    misfits: Vec<String>,
}

/// A context that is open.
#[derive(Default)]
struct Context {
    requests: u64,
    plain_requests: u64,
    nested: u64,
    in_flight: u64,
    sessions_open: u64,
    last_session: Option<SessionId>,
}

/// What another thread is about to report of a context that is closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Owed {
    requests: u64,
    plain_requests: u64,
    nested: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    OnItsWay,
    Body,
}

impl State {
    pub(super) fn balance(&self) -> Balance {
        let count = |length: usize| i64::try_from(length).unwrap_or(i64::MAX);
        let on_their_way = |stage| self.requests.values().filter(|(_, s)| *s == stage).count();
        let mut open = vec![
            ("contexts", count(self.contexts.len())),
            ("contexts that reported more", count(self.owed.len())),
            ("sessions", count(self.sessions.len())),
            (
                "requests on their way",
                count(on_their_way(Stage::OnItsWay)),
            ),
            ("bodies", count(on_their_way(Stage::Body))),
            ("upgraded connections", count(self.upgraded.len())),
            ("connects", self.connecting),
            ("permits of pools", self.pool_used),
        ];
        // A use after the exit holds nothing that could be released.
        let leaks = self.leaks_open.iter();
        let leaks = leaks.filter(|(kind, _)| **kind != LeakKind::UseAfterExit);
        open.extend(leaks.map(|(kind, count)| (kind.as_str(), *count)));
        open.retain(|(_, count)| *count != 0);
        Balance {
            open,
            misfits: self.misfits.clone(),
        }
    }

    pub(super) fn misfit(&mut self, what: String) {
        if self.misfits.len() < MISFITS_KEPT {
            self.misfits.push(what);
        }
    }

    pub(super) fn context_opened(&mut self, id: ContextId) {
        self.totals.contexts += 1;
        if self.contexts.insert(id, Context::default()).is_some() {
            self.misfit(format!("context {id} is opened twice"));
        }
    }

    pub(super) fn nested(&mut self, outer: ContextId, policy: NestedPolicy) {
        *self.totals.nested.entry(policy).or_default() += 1;
        match self.contexts.get_mut(&outer) {
            Some(context) => context.nested += 1,
            None => self.pay(outer, |owed| &mut owed.nested, "an open inside"),
        }
    }

    pub(super) fn context_closed(&mut self, id: ContextId, report: &ExitReport) {
        *match report.outcome {
            Outcome::Completed => &mut self.totals.completed,
            Outcome::Failed => &mut self.totals.failed,
            Outcome::Cancelled => &mut self.totals.cancelled,
            Outcome::Panicked => &mut self.totals.panicked,
            _ => unreachable!("there are four outcomes"),
        } += 1;
        let Some(context) = self.contexts.remove(&id) else {
            return self.misfit(format!("context {id} is closed and was not open"));
        };
        let Context {
            requests,
            plain_requests,
            nested,
            in_flight,
            sessions_open,
            ..
        } = context;
        let owed = report.requests.checked_sub(requests);
        let owed = owed.zip(report.plain_requests.checked_sub(plain_requests));
        let owed = owed.zip(report.nested_opens.checked_sub(nested));
        let owed = owed.map(|((requests, plain_requests), nested)| Owed {
            requests,
            plain_requests,
            nested,
        });
        match owed {
            Some(owed) if owed == Owed::default() => {}
            Some(owed) => {
                self.owed.insert(id, owed);
            }
            None => self.misfit(format!(
                "context {id} reports {} requests, {} of plain clients, and {} nested opens of \
                 {requests}, {plain_requests} and {nested}",
                report.requests, report.plain_requests, report.nested_opens,
            )),
        }
        if sessions_open > 0 {
            self.misfit(format!(
                "context {id} is closed with {sessions_open} sessions open"
            ));
        }
        // Another thread may be polling a request that the exit has cut off, and report its end.
        self.totals.late += in_flight;
    }

    /// Notes something that a closed context has in its report, and that comes only now.
    fn pay(&mut self, context: ContextId, of: fn(&mut Owed) -> &mut u64, what: &str) {
        self.totals.late += 1;
        let mut owed = self.owed.remove(&context).unwrap_or_default();
        match of(&mut owed).checked_sub(1) {
            Some(rest) => *of(&mut owed) = rest,
            None => self.misfit(format!("{what} context {context}, which is not open")),
        }
        if owed != Owed::default() {
            self.owed.insert(context, owed);
        }
    }

    pub(super) fn session_opened(&mut self, context: ContextId, id: SessionId) {
        self.totals.sessions += 1;
        if !self.sessions.insert(id) {
            self.misfit(format!("session {id} is opened twice"));
        }
        match self.contexts.get_mut(&context) {
            Some(context) => {
                context.sessions_open += 1;
                context.last_session = Some(id);
            }
            None => self.misfit(format!(
                "session {id} of context {context}, which is closed"
            )),
        }
    }

    pub(super) fn session_closed(&mut self, context: ContextId, id: SessionId) {
        if !self.sessions.remove(&id) {
            self.misfit(format!("session {id} is closed and was not open"));
        }
        match self.contexts.get_mut(&context) {
            Some(context) if context.sessions_open > 0 => context.sessions_open -= 1,
            _ => self.misfit(format!("session {id} closes after its context {context}")),
        }
    }

    pub(super) fn request_started(&mut self, request: &RequestInfo) {
        self.totals.requests += 1;
        let (id, context, session) = (request.id(), request.context().id(), request.session());
        let line = (context, Stage::OnItsWay);
        if self.requests.insert(id, line).is_some() {
            self.misfit(format!("request {id} is started twice"));
        }
        match self.contexts.get_mut(&context) {
            Some(context) => {
                context.requests += 1;
                context.in_flight += 1;
                self.totals.late += u64::from(!self.sessions.contains(&session));
                if Some(session) > context.last_session {
                    self.misfit(format!("request {id} before its session {session}"));
                }
            }
            None => self.pay(context, |owed| &mut owed.requests, "a request of"),
        }
    }

    pub(super) fn on_its_way(&mut self, id: RequestId, what: &str) {
        self.totals.requests_queued += 1;
        if !matches!(self.requests.get(&id), Some((_, Stage::OnItsWay))) {
            self.misfit(format!("request {id} is {what} and is not on its way"));
        }
    }

    pub(super) fn plain_request_ended(&mut self, context: ContextId, is_answered: bool) {
        self.totals.plain_requests += 1;
        self.totals.plain_answered += u64::from(is_answered);
        match self.contexts.get_mut(&context) {
            Some(context) => context.plain_requests += 1,
            None => self.pay(
                context,
                |owed| &mut owed.plain_requests,
                "a plain request of",
            ),
        }
    }

    pub(super) fn plain_connection_opened(&mut self, context: ContextId, info: &ConnectionInfo) {
        self.totals.plain_connections += 1;
        if info.plain.is_none() || !self.contexts.contains_key(&context) {
            let id = info.id;
            self.misfit(format!(
                "connection {id} is no plain one of context {context}"
            ));
        }
    }

    pub(super) fn request_answered(&mut self, id: RequestId, connection: ConnectionUse) {
        self.totals.requests_answered += 1;
        match connection {
            ConnectionUse::New => self.totals.answered_new += 1,
            ConnectionUse::Reused => self.totals.answered_reused += 1,
            _ => {}
        }
        match self.requests.get_mut(&id) {
            Some((_, stage @ Stage::OnItsWay)) => *stage = Stage::Body,
            _ => self.misfit(format!("request {id} is answered and is not on its way")),
        }
    }

    pub(super) fn request_failed(&mut self, id: RequestId, is_session_closed: bool) {
        self.totals.requests_failed += 1;
        self.totals.requests_aborted += u64::from(is_session_closed);
        self.request_over(id, Stage::OnItsWay);
    }

    pub(super) fn request_cancelled(&mut self, id: RequestId) {
        self.totals.requests_cancelled += 1;
        self.request_over(id, Stage::OnItsWay);
    }

    pub(super) fn body_ended(&mut self, id: RequestId, end: BodyEnd) {
        *match end.reason {
            BodyEndReason::Complete => &mut self.totals.bodies_complete,
            BodyEndReason::Failed => &mut self.totals.bodies_failed,
            BodyEndReason::Dropped => &mut self.totals.bodies_dropped,
            BodyEndReason::Aborted => &mut self.totals.bodies_aborted,
            _ => unreachable!("there are four ends"),
        } += 1;
        self.totals.body_bytes += end.bytes;
        self.request_over(id, Stage::Body);
    }

    pub(super) fn connection_upgraded(&mut self, id: RequestId) {
        self.totals.upgraded += 1;
        let is_answered = matches!(self.requests.get(&id), Some((_, Stage::Body)));
        if !is_answered || !self.upgraded.insert(id) {
            self.misfit(format!(
                "request {id} is upgraded and was not answered, or was before"
            ));
        }
    }

    pub(super) fn upgrade_ended(&mut self, id: RequestId) {
        let is_answered = matches!(self.requests.get(&id), Some((_, Stage::Body)));
        if !self.upgraded.remove(&id) || !is_answered {
            self.misfit(format!(
                "the upgraded connection of request {id} ends and was not there"
            ));
        }
    }

    fn request_over(&mut self, id: RequestId, expected: Stage) {
        let Some((context, stage)) = self.requests.remove(&id) else {
            return self.misfit(format!("request {id} ends and was not there"));
        };
        if stage != expected {
            self.misfit(format!(
                "request {id} ends as {expected:?} and was {stage:?}"
            ));
        }
        if let Some(context) = self.contexts.get_mut(&context) {
            context.in_flight -= 1;
        }
    }

    pub(super) fn connects(&mut self, change: i64, total: fn(&mut Totals) -> &mut u64) {
        self.connecting += change;
        *total(&mut self.totals) += 1;
        if self.connecting < 0 {
            self.misfit("a connect ends that did not begin".to_owned());
        }
    }

    pub(super) fn leak(&mut self, leak: &Leak) {
        self.totals.leaks += leak.count as u64;
        *self.totals.leaks_by_kind.entry(leak.kind).or_default() += leak.count as u64;
        *self.leaks_open.entry(leak.kind).or_default() += count_of(leak);
    }

    pub(super) fn leak_resolved(&mut self, leak: &Leak) {
        let open = self.leaks_open.entry(leak.kind).or_default();
        *open -= count_of(leak);
    }
}

fn count_of(leak: &Leak) -> i64 {
    i64::try_from(leak.count).unwrap_or(i64::MAX)
}

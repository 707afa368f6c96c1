//! The reference: what the contract says of a program, as plain data.
//!
//! It is shorter than what it checks, by far; a test counts both. It shares nothing with the library
//! but the names of what can be seen.

mod exit;
mod kept;
mod pools;
mod requests;

use std::collections::BTreeMap;

use http_context::{LeakKind, NestedPolicy, Outcome};
use http_context_tests::Wire;

pub(crate) use self::kept::{Kept, What};
pub(crate) use self::pools::MOST_IN_USE;
use self::pools::Pool;
use crate::op::{Child, How, Named, Options};

/// Contexts are numbered in the order in which they are entered.
pub(crate) type ContextNo = usize;

/// The places of the pool of a program.
pub(crate) const PLACES: usize = 2;

/// What a step shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// There is nothing bound.
    Unbound,
    /// What is bound has exited, or its exit has begun.
    Exited,
    /// The session of a context, the first, second, … of it.
    Session(ContextNo, usize),
    /// The work runs in that context.
    Entered(ContextNo),
    Denied,
    /// The pool has no place left.
    Exhausted,
    /// The pool of WebSockets is closed.
    PoolClosed,
    /// All WebSockets of the pool are in use.
    AllInUse,
    Done,
    /// The session of what was used is closed.
    SessionClosed,
    /// So many contexts are open.
    Open(usize),
    /// The peer of a WebSocket has not answered a ping.
    NotAnswered,
    /// Whether an exit has begun.
    Closing(bool),
}

/// What an exit report has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) outcome: Outcome,
    pub(crate) requests: u64,
    pub(crate) plain_requests: u64,
    /// WebSockets of pools that others own.
    pub(crate) borrowed: u64,
    pub(crate) aborted: u64,
    pub(crate) nested: u64,
    /// Requests, and those of plain clients, by who made them.
    pub(crate) callers: BTreeMap<&'static str, (u64, u64)>,
    pub(crate) leaks: BTreeMap<LeakKind, usize>,
}

/// How often each fact was heard.
pub(crate) type Facts = BTreeMap<String, u64>;

#[derive(Debug, Default)]
pub(crate) struct Reference {
    contexts: Vec<Context>,
    pub(crate) tasks: Vec<Task>,
    pub(crate) kept: Vec<Kept>,
    /// Of WebSockets.
    pools: Vec<Pool>,
    pub(crate) facts: Facts,
    /// What a program has come to that is no fact.
    pub(crate) came_to: Facts,
    /// The contexts whose exits are over since somebody looked.
    pub(crate) exits: Vec<(ContextNo, Report)>,
    /// Opens that have panicked since somebody looked, since they have leaked.
    panics: usize,
    /// Permits of the pool that contexts have.
    permits: usize,
    /// Sessions that wait in it, with the connections that each has. The last is the next.
    idle: Vec<Shared>,
    /// Requests that the server has got, and those of which nobody knows.
    pub(crate) arrived: u64,
    pub(crate) doubtful: u64,
}

/// The wires over which a session has the one connection that all requests share, each with whether a
/// response has come over it.
type Shared = BTreeMap<Wire, bool>;

#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is true by itself")]
struct Context {
    options: Options,
    phase: Phase,
    has_session: bool,
    sessions: usize,
    /// Of the pool, and whether there is a session in it.
    permit: Option<bool>,
    shared: Shared,
    /// Whether its plain client has an idle connection.
    plain_is_idle: bool,
    requests: u64,
    plain_requests: u64,
    borrowed: u64,
    nested: u64,
    callers: BTreeMap<&'static str, (u64, u64)>,
    was_found_open: bool,
    /// Whether a session was open when its exit began.
    was_in_use: bool,
    /// Whether its open has panicked, since it has leaked.
    has_panicked: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    /// Its work has ended, and it waits for what is on its way.
    Draining(Outcome),
    /// Whether leaks were looked for.
    Exited(bool),
}

#[derive(Debug, Default)]
pub(crate) struct Task {
    /// The context that it carries, as a child.
    carries: Option<ContextNo>,
    /// In whose scope it was spawned.
    caller: Named,
    /// Its opens, outermost first, with the context each is in, and whether that is its own.
    pub(crate) scopes: Vec<(ContextNo, bool)>,
}

impl Task {
    fn bound(&self) -> Option<ContextNo> {
        let inner = self.scopes.last().map(|(context, _)| *context);
        inner.or(self.carries)
    }
}

impl Reference {
    fn fact(&mut self, fact: &str) {
        self.facts_of(fact, 1);
    }

    fn facts_of(&mut self, fact: &str, count: usize) {
        if count > 0 {
            *self.facts.entry(fact.to_owned()).or_default() += count as u64;
        }
    }

    fn comes_to(&mut self, what: &str) {
        *self.came_to.entry(what.to_owned()).or_default() += 1;
    }

    fn leak(&mut self, kind: LeakKind, count: usize) {
        self.facts_of(&format!("leak {kind}"), count);
    }

    fn is_open(&self, context: ContextNo) -> bool {
        self.contexts[context].phase == Phase::Open
    }

    pub(crate) fn take_panics(&mut self) -> usize {
        std::mem::take(&mut self.panics)
    }

    /// Whether a task waits for an exit of its own to be over.
    pub(crate) fn is_exiting(&self, task: usize) -> bool {
        let own = self.tasks[task].scopes.last().filter(|(_, is_own)| *is_own);
        own.is_some_and(|(context, _)| !self.is_open(*context))
    }

    /// Whether one of the contexts that a task has open waits for what is on its way.
    pub(crate) fn would_drain(&self, task: usize) -> bool {
        let drains = |(context, is_own): &(_, bool)| *is_own && self.options(*context).drains;
        self.tasks[task].scopes.iter().any(drains)
    }

    /// Whether the exit of the context that a task is in waits for what is on its way.
    pub(crate) fn bound_drains(&self, task: usize) -> bool {
        let bound = self.tasks[task].bound();
        bound.is_some_and(|context| self.options(context).drains)
    }

    pub(crate) fn options(&self, context: ContextNo) -> Options {
        self.contexts[context].options
    }

    /// Whether no session is open, and none waits in the pool.
    pub(crate) fn is_idle(&self) -> bool {
        self.idle.is_empty() && self.open() == 0
    }

    /// How many connections sessions have over a wire whose connections are shared by all requests.
    pub(crate) fn connections(&self, wire: Wire) -> u64 {
        let of_contexts = self.contexts.iter().map(|context| &context.shared);
        let all = of_contexts.chain(&self.idle);
        all.filter(|shared| shared.contains_key(&wire)).count() as u64
    }

    fn close_shared(&mut self, no: ContextNo) {
        let closed = std::mem::take(&mut self.contexts[no].shared);
        self.facts_of("shared connection closed", closed.len());
    }

    fn open(&self) -> usize {
        let is_open = |context: &&Context| !matches!(context.phase, Phase::Exited(_));
        self.contexts.iter().filter(is_open).count()
    }

    /// Somebody looks for contexts that are open; those that do not look for leaks are not listed.
    pub(crate) fn check_none_open(&mut self) -> Seen {
        let (mut open, mut newly) = (0, 0);
        for context in &mut self.contexts {
            if context.options.looks_for_leaks && !matches!(context.phase, Phase::Exited(_)) {
                open += 1;
                newly += usize::from(!std::mem::replace(&mut context.was_found_open, true));
            }
        }
        self.leak(LeakKind::NeverClosed, newly);
        Seen::Open(open)
    }

    pub(crate) fn spawn(&mut self, by: usize, child: Child, caller: Named) {
        let is_child = child != Child::Bare;
        self.tasks.push(Task {
            carries: self.tasks[by].bound().filter(|_| is_child),
            caller: caller.or(self.tasks[by].caller).filter(|_| is_child),
            scopes: Vec::new(),
        });
    }

    pub(crate) fn open_in(&mut self, by: usize, options: Options) -> Seen {
        let outer = self.tasks[by].bound();
        if let Some(outer) = outer.filter(|outer| self.is_open(*outer)) {
            let policy = match options.how {
                How::Open => self.options(outer).nested,
                _ => NestedPolicy::Isolate,
            };
            self.contexts[outer].nested += 1;
            self.fact(&format!("nested {policy:?}"));
            match policy {
                NestedPolicy::Deny => return Seen::Denied,
                NestedPolicy::Isolate => {}
                _ => {
                    self.tasks[by].scopes.push((outer, false));
                    return Seen::Entered(outer);
                }
            }
        }
        self.fact("context opened");
        let checked_out = if options.is_pooled {
            self.check_out()
        } else {
            None
        };
        if options.is_pooled && checked_out.is_none() && options.how == How::Open {
            self.fact("context closed failed");
            return Seen::Exhausted;
        }
        if options.is_overdue && options.looks_for_leaks {
            self.leak(LeakKind::ContextOverdue, 1);
        }
        let (permit, shared) = checked_out.unzip();
        let context = self.contexts.len();
        self.contexts.push(Context {
            options,
            phase: Phase::Open,
            has_session: false,
            sessions: 0,
            permit,
            shared: shared.unwrap_or_default(),
            plain_is_idle: false,
            requests: 0,
            plain_requests: 0,
            borrowed: 0,
            nested: 0,
            callers: BTreeMap::new(),
            was_found_open: false,
            was_in_use: false,
            has_panicked: false,
        });
        if options.how == How::Open && !options.is_lazy {
            self.session(context);
        }
        self.tasks[by].scopes.push((context, true));
        Seen::Entered(context)
    }

    /// Whether the session is warm, and the connections that it has.
    fn check_out(&mut self) -> Option<(bool, Shared)> {
        if self.permits == PLACES {
            return None;
        }
        self.permits += 1;
        let warm = self.idle.pop();
        self.fact(if warm.is_some() {
            "pool gives warm"
        } else {
            "pool gives cold"
        });
        Some((warm.is_some(), warm.unwrap_or_default()))
    }

    /// The session of a context that is open; built if there is none.
    fn session(&mut self, no: ContextNo) -> Seen {
        if self.contexts[no].options.is_pooled && self.contexts[no].permit.is_none() {
            let Some((is_warm, shared)) = self.check_out() else {
                return Seen::Exhausted;
            };
            (self.contexts[no].permit, self.contexts[no].shared) = (Some(is_warm), shared);
        }
        let context = &mut self.contexts[no];
        if !std::mem::replace(&mut context.has_session, true) {
            context.sessions += 1;
            let is_first = context.sessions == 1;
            let was_warm = context
                .permit
                .as_mut()
                .map(|has| std::mem::replace(has, true));
            if was_warm == Some(false) {
                self.fact("pool session created");
            }
            self.fact(match (is_first, was_warm) {
                (false, _) => "session opened recreated",
                (true, Some(true)) => "session opened pooled",
                (true, _) => "session opened created",
            });
        }
        Seen::Session(no, self.contexts[no].sessions)
    }

    /// A task asks for its session.
    pub(crate) fn lookup(&mut self, by: usize) -> Seen {
        match self.tasks[by].bound() {
            Some(context) => self.lookup_in(context),
            None => Seen::Unbound,
        }
    }

    fn lookup_in(&mut self, context: ContextNo) -> Seen {
        if self.is_open(context) {
            return self.session(context);
        }
        if self.options(context).looks_for_leaks {
            self.leak(LeakKind::UseAfterExit, 1);
        }
        Seen::Exited
    }

    pub(crate) fn close_session(&mut self, by: usize) -> Seen {
        let seen = self.lookup(by);
        if let Seen::Session(no, _) = seen {
            self.fact("session closed");
            self.cut(no);
            self.cut_plain(no);
            self.contexts[no].has_session = false;
            self.close_shared(no);
            if let Some(has_session) = &mut self.contexts[no].permit {
                *has_session = false;
                self.fact("pool session closed closed_early");
            }
        }
        seen
    }
}

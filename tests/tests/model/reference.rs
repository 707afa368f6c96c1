//! The reference: what the contract says of a program, as plain data.

use std::collections::{BTreeMap, HashMap};

use http_context::{LeakKind, NestedPolicy, Outcome};

use crate::op::{Options, Request};

/// Contexts are numbered in the order in which they are entered.
pub(crate) type ContextNo = usize;

/// The places of the pool of a program.
pub(crate) const PLACES: usize = 2;

/// What a step shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// There is nothing bound.
    Unbound,
    /// What is bound has exited.
    Exited,
    /// The session of a context, the first, second, … of it.
    Session(ContextNo, usize),
    /// The work runs in that context.
    Entered(ContextNo),
    Denied,
    Exhausted,
    /// A context has exited; with its report where that is handed over.
    Left(Option<Report>),
    Done,
    /// The session of what was used is closed.
    SessionClosed,
}

/// What an exit report has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) outcome: Outcome,
    pub(crate) requests: u64,
    pub(crate) aborted: u64,
    pub(crate) nested: u64,
    pub(crate) leaks: BTreeMap<LeakKind, usize>,
}

#[derive(Debug, Default)]
pub(crate) struct Reference {
    pub(crate) contexts: Vec<Context>,
    pub(crate) tasks: Vec<Task>,
    pub(crate) kept: Vec<Kept>,
    pub(crate) totals: Totals,
    places_used: usize,
}

/// What the facts must add up to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) contexts: u64,
    pub(crate) outcomes: HashMap<Outcome, u64>,
    pub(crate) nested: HashMap<NestedPolicy, u64>,
    pub(crate) sessions: u64,
    pub(crate) requests: u64,
    pub(crate) leaks: HashMap<LeakKind, u64>,
}

#[derive(Debug)]
pub(crate) struct Context {
    options: Options,
    pub(crate) is_open: bool,
    /// Whether handles and clients were reported as leaked by its exit.
    is_told: bool,
    has_session: bool,
    sessions: usize,
    requests: u64,
    nested: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Task {
    /// The context that it carries, as a child.
    carries: Option<ContextNo>,
    /// Its opens, outermost first, with the context each is in, and whether that is its own.
    pub(crate) scopes: Vec<(ContextNo, bool)>,
}

/// Something that a program keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) context: ContextNo,
    pub(crate) session: usize,
    pub(crate) what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Handle,
    Client,
    /// A body or a request, until it ends.
    Body {
        is_cut: bool,
    },
    InFlight {
        is_cut: bool,
    },
}

impl Task {
    fn bound(&self) -> Option<ContextNo> {
        self.scopes
            .last()
            .map(|(context, _)| *context)
            .or(self.carries)
    }
}

impl Reference {
    pub(crate) fn spawn(&mut self, by: usize, carries: bool) -> Seen {
        let carries = self.tasks[by].bound().filter(|_| carries);
        self.tasks.push(Task {
            carries,
            scopes: Vec::new(),
        });
        Seen::Done
    }

    pub(crate) fn open(&mut self, by: usize, options: Options) -> Seen {
        let outer = self.tasks[by].bound();
        if let Some(outer) = outer.filter(|outer| self.contexts[*outer].is_open) {
            let policy = self.contexts[outer].options.nested;
            self.contexts[outer].nested += 1;
            *self.totals.nested.entry(policy).or_default() += 1;
            match policy {
                NestedPolicy::Deny => return Seen::Denied,
                NestedPolicy::Isolate => {}
                _ => {
                    self.tasks[by].scopes.push((outer, false));
                    return Seen::Entered(outer);
                }
            }
        }
        self.totals.contexts += 1;
        if options.pooled {
            if self.places_used == PLACES {
                *self.totals.outcomes.entry(Outcome::Failed).or_default() += 1;
                return Seen::Exhausted;
            }
            self.places_used += 1;
        }
        let context = self.contexts.len();
        self.contexts.push(Context {
            options,
            is_open: true,
            is_told: false,
            has_session: false,
            sessions: 0,
            requests: 0,
            nested: 0,
        });
        if !options.lazy {
            self.session(context);
        }
        self.tasks[by].scopes.push((context, true));
        Seen::Entered(context)
    }

    /// The session of a context that is open; built if there is none.
    fn session(&mut self, context: ContextNo) -> usize {
        let Context {
            has_session,
            sessions,
            ..
        } = &mut self.contexts[context];
        if !std::mem::replace(has_session, true) {
            *sessions += 1;
            self.totals.sessions += 1;
        }
        *sessions
    }

    pub(crate) fn lookup(&mut self, by: usize) -> Seen {
        let Some(context) = self.tasks[by].bound() else {
            return Seen::Unbound;
        };
        if self.contexts[context].is_open {
            let session = self.session(context);
            return Seen::Session(context, session);
        }
        if self.contexts[context].options.looks_for_leaks {
            self.leaks(LeakKind::UseAfterExit, 1);
        }
        Seen::Exited
    }

    pub(crate) fn request(&mut self, by: usize, kind: Request) -> Seen {
        let seen = self.lookup(by);
        if let Seen::Session(context, session) = seen {
            self.requested(context);
            let what = match kind {
                Request::KeepBody => What::Body { is_cut: false },
                Request::LeaveInFlight => What::InFlight { is_cut: false },
                _ => return seen,
            };
            self.keep(context, session, what);
        }
        seen
    }

    fn requested(&mut self, context: ContextNo) {
        self.contexts[context].requests += 1;
        self.totals.requests += 1;
    }

    pub(crate) fn keep(&mut self, context: ContextNo, session: usize, what: What) {
        self.kept.push(Kept {
            context,
            session,
            what,
        });
    }

    pub(crate) fn close_session(&mut self, by: usize) -> Seen {
        let seen = self.lookup(by);
        if let Seen::Session(context, _) = seen {
            self.contexts[context].has_session = false;
            self.cut(context);
        }
        seen
    }

    /// Cuts off what is on its way in a context; says how many there were.
    fn cut(&mut self, context: ContextNo) -> (usize, usize) {
        let (mut bodies, mut requests) = (0, 0);
        for kept in self.kept.iter_mut().filter(|kept| kept.context == context) {
            if let What::Body {
                is_cut: cut @ false,
            } = &mut kept.what
            {
                (*cut, bodies) = (true, bodies + 1);
            }
            if let What::InFlight {
                is_cut: cut @ false,
            } = &mut kept.what
            {
                (*cut, requests) = (true, requests + 1);
            }
        }
        (bodies, requests)
    }

    /// The innermost open of a task ends.
    pub(crate) fn leave(&mut self, by: usize, outcome: Outcome) -> Seen {
        let (context, is_its_own) = self.tasks[by].scopes.pop().expect("it has one");
        if !is_its_own {
            return Seen::Left(None);
        }
        let is_awaited = matches!(outcome, Outcome::Completed | Outcome::Failed);
        let report = self.exit(context, outcome);
        Seen::Left(Some(report).filter(|_| is_awaited))
    }

    fn exit(&mut self, context: ContextNo, outcome: Outcome) -> Report {
        let is_awaited = matches!(outcome, Outcome::Completed | Outcome::Failed);
        *self.totals.outcomes.entry(outcome).or_default() += 1;
        let (bodies, requests) = self.cut(context);
        let of = |what| {
            let is_it = |kept: &&Kept| kept.context == context && kept.what == what;
            self.kept.iter().filter(is_it).count()
        };
        let (handles, clients) = (of(What::Handle), of(What::Client));
        let children = |task: &&Task| task.carries == Some(context);
        let children = self.tasks.iter().filter(children).count();
        let state = &mut self.contexts[context];
        state.is_open = false;
        state.has_session = false;
        if state.options.pooled {
            self.places_used -= 1;
        }
        let looks = is_awaited && state.options.looks_for_leaks;
        state.is_told = looks && handles + clients > 0;
        let (told_requests, nested) = (state.requests, state.nested);
        let mut leaks = BTreeMap::new();
        if looks {
            leaks.extend([
                (LeakKind::ResponseBody, bodies),
                (LeakKind::RequestInFlight, requests),
                (LeakKind::Task, children),
                (LeakKind::SessionHandle, handles),
                (LeakKind::ClientClone, clients),
            ]);
            leaks.retain(|_, count| *count > 0);
            for (kind, count) in leaks.clone() {
                self.leaks(kind, count);
            }
        }
        Report {
            outcome,
            requests: told_requests,
            aborted: (bodies + requests) as u64,
            nested,
            leaks,
        }
    }

    fn leaks(&mut self, kind: LeakKind, count: usize) {
        *self.totals.leaks.entry(kind).or_default() += count as u64;
    }

    /// A task ends, and what it has open with it.
    pub(crate) fn end(&mut self, task: usize, outcome: Outcome) {
        while !self.tasks[task].scopes.is_empty() {
            self.leave(task, outcome);
        }
        self.tasks.remove(task);
    }

    /// What was kept is used. A body or a request is gone after it.
    pub(crate) fn use_kept(&mut self, kept: usize) -> Seen {
        let Kept {
            context,
            session,
            what,
        } = self.kept[kept];
        match what {
            What::Handle | What::Client => {
                // The client hands a clone of what it holds to each request.
                if what == What::Client && self.contexts[context].is_told {
                    self.leaks(LeakKind::ClientClone, 1);
                }
                let state = &self.contexts[context];
                if state.has_session && state.sessions == session {
                    self.requested(context);
                    return Seen::Session(context, session);
                }
                Seen::SessionClosed
            }
            What::Body { is_cut } | What::InFlight { is_cut } => {
                self.kept.remove(kept);
                if is_cut {
                    Seen::SessionClosed
                } else {
                    Seen::Done
                }
            }
        }
    }

    pub(crate) fn clone_kept(&mut self, kept: usize) {
        let kept = self.kept[kept];
        if self.contexts[kept.context].is_told {
            self.leaks(LeakKind::SessionHandle, 1);
        }
        self.kept.push(kept);
    }
}

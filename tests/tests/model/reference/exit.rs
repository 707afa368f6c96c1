//! How contexts exit, and what their reports say.

use std::collections::BTreeMap;

use http_context::{LeakKind, Outcome};

use super::kept::{Kept, What};
use super::{Context, ContextNo, Phase, Reference, Report, Shared};
use crate::op::{How, Way};

impl Reference {
    /// The innermost open of a task ends. With the context, where a server's response goes on with it.
    pub(crate) fn leave(&mut self, by: usize, way: Way) {
        let (context, is_its_own) = self.tasks[by].scopes.pop().expect("it has one");
        if !is_its_own {
            return;
        }
        let how = self.options(context).how;
        let outcome = match way {
            Way::Ok => Outcome::Completed,
            // A job's output may be anything.
            Way::Err if how == How::Job => Outcome::Completed,
            Way::Err => Outcome::Failed,
            Way::Panic => Outcome::Panicked,
            Way::Drop => Outcome::Cancelled,
        };
        if (how, way) == (How::Served, Way::Ok) {
            return self.keep(context, 0, What::Served);
        }
        if self.is_open(context) {
            self.begin_exit(context, outcome);
        } else {
            self.end_exit(context, outcome);
        }
        if matches!(self.contexts[context].phase, Phase::Exited(_)) {
            self.panics += usize::from(self.contexts[context].has_panicked);
        } else {
            // Its task waits for it.
            self.tasks[by].scopes.push((context, true));
        }
    }

    pub(super) fn begin_exit(&mut self, no: ContextNo, outcome: Outcome) {
        if std::mem::take(&mut self.contexts[no].has_session) {
            self.contexts[no].was_in_use = true;
            self.fact("session closed");
        }
        self.close_pools(no);
        if matches!(outcome, Outcome::Cancelled | Outcome::Panicked) {
            return self.end_exit(no, outcome);
        }
        self.contexts[no].phase = Phase::Draining(outcome);
        if self.options(no).drains {
            // WebSockets take leave, and their peers answer.
            self.say_farewell(no);
            self.end_exit_if_idle(no);
        } else {
            self.end_exit(no, outcome);
        }
    }

    /// The exits that have waited for what is gone by now.
    pub(crate) fn end_idle_exits(&mut self) {
        for no in 0..self.contexts.len() {
            self.end_exit_if_idle(no);
        }
    }

    fn end_exit_if_idle(&mut self, no: ContextNo) {
        if let Phase::Draining(outcome) = self.contexts[no].phase
            && self.children(no) == 0
            && !self.kept_of(no).any(Kept::is_on_its_way)
        {
            self.end_exit(no, outcome);
            for task in &mut self.tasks {
                if task.scopes.last() == Some(&(no, true)) {
                    task.scopes.pop();
                    self.panics += usize::from(self.contexts[no].has_panicked);
                }
            }
        }
    }

    fn children(&self, no: ContextNo) -> usize {
        let of_it = self.tasks.iter().filter(|task| task.carries == Some(no));
        of_it.count()
    }

    /// Cuts off what is left, and reports.
    fn end_exit(&mut self, no: ContextNo, outcome: Outcome) {
        let is_awaited = matches!(outcome, Outcome::Completed | Outcome::Failed);
        let looks = self.options(no).looks_for_leaks;
        let borrows = self.borrows(no);
        let mut leaks = BTreeMap::from([
            (LeakKind::Task, self.children(no)),
            (LeakKind::UpgradedConnection, self.farewelled(no) + borrows),
        ]);
        let cut = self.cut(no);
        for what in &cut {
            let kind = match what {
                What::Body => LeakKind::ResponseBody,
                What::InFlight(_) => LeakKind::RequestInFlight,
                _ => LeakKind::UpgradedConnection,
            };
            *leaks.entry(kind).or_default() += 1;
        }
        let kept = |what| self.kept_of(no).filter(|kept| kept.what == what).count();
        let plain_sessions: std::collections::BTreeSet<_> = self
            .kept_of(no)
            .filter(|kept| kept.what == What::Plain)
            .map(|kept| kept.session)
            .collect();
        leaks.insert(LeakKind::SessionHandle, kept(What::Handle));
        leaks.insert(
            LeakKind::ClientClone,
            kept(What::Client) + plain_sessions.len(),
        );
        leaks.retain(|_, count| looks && is_awaited && *count > 0);
        self.give_permit_back(no, is_awaited, !cut.is_empty(), !leaks.is_empty());
        self.close_shared(no);
        if looks {
            let held = self.cut_plain(no);
            if is_awaited && held > 0 {
                leaks.insert(LeakKind::Connection, held);
            } else {
                // Nobody waits for it, and observers hear of it all the same.
                self.leak(LeakKind::Connection, held);
            }
        }
        for (kind, count) in &leaks {
            if *kind == LeakKind::UpgradedConnection {
                self.leak(*kind, *count - borrows);
                self.facts_of("leak of a pool", borrows);
            } else {
                self.leak(*kind, *count);
            }
        }
        self.fact(&format!("context closed {outcome}"));
        let context = &mut self.contexts[no];
        context.phase = Phase::Exited(looks && is_awaited);
        context.has_panicked = context.options.panics && !leaks.is_empty();
        let Context {
            requests,
            plain_requests,
            nested,
            ..
        } = *context;
        let report = Report {
            outcome,
            requests,
            plain_requests,
            borrowed: context.borrowed,
            aborted: cut.len() as u64,
            nested,
            callers: context.callers.clone(),
            leaks,
        };
        self.exits.push((no, report));
    }

    fn give_permit_back(&mut self, no: ContextNo, is_awaited: bool, aborts: bool, leaks: bool) {
        let Some(has_session) = self.contexts[no].permit.take() else {
            return;
        };
        self.permits -= 1;
        self.fact("pool returned");
        let closed_as = match (is_awaited, aborts, leaks) {
            (false, ..) => "unverified",
            (true, true, _) => "aborted",
            (true, false, true) => "leaked",
            (true, false, false) => {
                if has_session {
                    let shared = std::mem::take(&mut self.contexts[no].shared);
                    self.idle.push(shared);
                }
                return;
            }
        };
        if has_session {
            self.fact(&format!("pool session closed {closed_as}"));
        }
    }

    /// The pool closes, and what waits in it.
    pub(crate) fn close_pool(&mut self) {
        let idle = std::mem::take(&mut self.idle);
        self.facts_of("pool session closed pool_closed", idle.len());
        let shared = idle.iter().map(Shared::len).sum();
        self.facts_of("shared connection closed", shared);
    }

    /// A task ends, and what it has open with it.
    pub(crate) fn end(&mut self, task: usize, way: Way) {
        let panics = self.panics;
        // By itself, it ends by the end of its line, whatever it would have said.
        let mut way = if way == Way::Err { Way::Ok } else { way };
        while let Some((context, is_its_own)) = self.tasks[task].scopes.last() {
            // A server whose line is cut answers with an error.
            let is_served = *is_its_own && self.options(*context).how == How::Served;
            let leaves = if is_served && way == Way::Ok {
                Way::Err
            } else {
                way
            };
            self.leave(task, leaves);
            // A panic is that of the innermost open; the others end with their line.
            if way != Way::Drop {
                way = Way::Ok;
            }
        }
        self.tasks.remove(task);
        // With the task nobody is left to see them.
        self.panics = panics;
    }
}

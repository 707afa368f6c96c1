//! Tasks, and the contexts that they open and leave.

use http_context::{LeakPolicy, NoOpenContexts, OpenError};

use super::compare::compare;
use super::{FOR_EVER, Parted, Run, Running, base};
use crate::actor::{Actor, Opened};
use crate::op::{Child, Named, Options, Way};
use crate::reference::Seen;

impl Run<'_> {
    pub(super) async fn spawn(
        &mut self,
        by: usize,
        child: Child,
        caller: Named,
    ) -> Result<(), Parted> {
        let new = self.tasks.len();
        self.log(format_args!(
            "task {by}: spawns task {new}, {child:?} by {caller:?}"
        ));
        self.reference.spawn(by, child, caller);
        let spawned = async move { Actor::spawn(child) };
        let actor = self.tasks[by].actor.run_as(caller, spawned).await;
        self.tasks.push(Running::new(actor));
        Ok(())
    }

    pub(super) async fn open(&mut self, by: usize, options: Options) -> Result<(), Parted> {
        let options = Options {
            // Whether the thread that looks finds one open that is refused nobody knows.
            is_overdue: options.is_overdue && !options.is_pooled,
            ..options
        };
        self.log(format_args!("task {by}: opens, {options:?}"));
        let leaks = match (options.looks_for_leaks, options.panics) {
            (false, _) => LeakPolicy::Off,
            (true, false) => LeakPolicy::Count,
            (true, true) => LeakPolicy::Panic,
        };
        let mut context = base(self.peers, &self.invariants, &self.witnesses, &self.name)
            .nested(options.nested)
            .leaks(leaks);
        if options.is_lazy {
            context = context.lazy();
        }
        if options.is_pooled {
            context = context.pool(self.pool.clone());
        }
        if options.drains {
            context = context.drain_timeout(FOR_EVER);
        }
        if options.is_overdue {
            context = context.overdue_after(std::time::Duration::from_nanos(1));
        }
        let expected = self.reference.open_in(by, options);
        let seen = match self.tasks[by].actor.open(options.how, context).await {
            Opened::Entered(entered) => {
                let seen = Seen::Entered(self.number(entered.context));
                self.tasks[by].entered.push(entered);
                seen
            }
            Opened::Refused(OpenError::NestedDenied(_)) => Seen::Denied,
            Opened::Refused(OpenError::Pool(_)) => Seen::Exhausted,
            Opened::Refused(error) => return Err(format!("refused: {error:?}")),
        };
        compare(&expected, &seen)
    }

    pub(super) async fn leave(&mut self, by: usize, way: Way) -> Result<(), Parted> {
        if self.reference.tasks[by].scopes.is_empty()
            || (self.reference.is_exiting(by) && way != Way::Drop)
        {
            return Ok(());
        }
        self.log(format_args!(
            "task {by}: leaves its innermost open, {way:?}"
        ));
        self.reference.leave(by, way);
        let Running { actor, entered } = &mut self.tasks[by];
        let innermost = entered.last_mut().expect("as the reference has it");
        if way == Way::Drop {
            innermost.dropped.notify_one();
            return Ok(());
        }
        actor.leave(way).await;
        if self.reference.is_exiting(by) {
            // It may be on another thread that this begins.
            (&mut innermost.closing).await;
        }
        Ok(())
    }

    pub(super) async fn end_task(&mut self, by: usize, way: Way) -> Result<(), Parted> {
        // A task that would wait for what is on its way is aborted.
        let way = if self.reference.would_drain(by) {
            Way::Drop
        } else {
            way
        };
        self.log(format_args!("task {by}: ends, {way:?}"));
        self.reference.end(by, way);
        let running = self.tasks.remove(by);
        running.actor.end(way).await;
        Ok(())
    }

    pub(super) fn check_none_open(&mut self) -> Result<(), Parted> {
        self.log(format_args!("somebody checks that no context is open"));
        let expected = self.reference.check_none_open();
        let name = self.name.clone();
        let only_these = NoOpenContexts::new().ignore(move |it| it.name() != Some(&name));
        let open = only_these.check_now().err();
        compare(
            &expected,
            &Seen::Open(open.map_or(0, |open| open.leaks.len())),
        )
    }
}

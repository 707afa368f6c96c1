//! What requests come to.

use super::kept::What;
use super::{ContextNo, Reference, Seen};
use crate::op::{Named, Request};

/// As many redirects are followed.
const FOLLOWED: usize = 10;

impl Reference {
    pub(crate) fn request(&mut self, by: usize, kind: Request, caller: Named) -> Seen {
        let seen = self.lookup(by);
        let Seen::Session(context, session) = seen else {
            return seen;
        };
        let caller = caller.or(self.tasks[by].caller);
        let kept = match kind {
            Request::Read | Request::Service | Request::Ambient => {
                self.read(context, caller);
                return seen;
            }
            Request::Redirected | Request::ByStranger => {
                self.facts_of("redirected", 2);
                // One hop of the second is the stranger's.
                self.arrived += if kind == Request::Redirected { 2 } else { 1 };
                self.read(context, caller);
                return seen;
            }
            Request::DropBody => {
                self.started(context, caller);
                self.arrived += 1;
                self.fact("request answered 200");
                self.fact("body dropped");
                return seen;
            }
            Request::Cancel => {
                self.started(context, caller);
                self.doubtful += 1;
                self.fact("request cancelled");
                return seen;
            }
            Request::TooManyRedirects => {
                self.started(context, caller);
                self.arrived += FOLLOWED as u64 + 1;
                self.facts_of("redirected", FOLLOWED);
                self.fact("request failed redirect_error");
                return seen;
            }
            Request::KeepBody => {
                self.arrived += 1;
                self.fact("request answered 200");
                What::Body
            }
            Request::LeaveInFlight => {
                self.arrived += 1;
                What::InFlight
            }
            Request::Upgrade | Request::UpgradeResponse => {
                self.fact("request answered 101");
                self.fact("upgraded other");
                What::Upgraded
            }
            Request::WebSocket => {
                self.fact("request answered 101");
                self.fact("upgraded websocket");
                What::Socket(self.options(context).drains)
            }
        };
        self.started(context, caller);
        self.keep(context, session, kept);
        seen
    }

    /// One that is answered, and read to its end.
    pub(super) fn read(&mut self, context: ContextNo, caller: Named) {
        self.started(context, caller);
        self.arrived += 1;
        self.fact("request answered 200");
        self.fact("body complete");
    }

    fn started(&mut self, context: ContextNo, caller: Named) {
        self.fact("request started");
        let context = &mut self.contexts[context];
        context.requests += 1;
        if let Some(caller) = caller {
            context.callers.entry(caller).or_default().0 += 1;
        }
    }
}

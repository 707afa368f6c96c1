//! What requests come to.

use http_context_tests::Wire;

use super::kept::{Socket, What};
use super::{ContextNo, Reference, Seen};
use crate::op::{Named, Request};

/// As many redirects are followed.
const FOLLOWED: usize = 10;

impl Reference {
    /// The wire that a request takes, which some cannot take as it was drawn.
    pub(crate) fn wire(&self, by: usize, kind: Request, wire: Wire) -> Wire {
        let bound = self.tasks[by].bound();
        let is_shared = bound.is_some_and(|no| self.contexts[no].shared.contains_key(&wire));
        match kind {
            // The stranger has no other.
            Request::ByStranger => Wire::Http1,
            // Whether its connection was made before it was given up nobody knows.
            Request::Cancel if wire.is_http2() && !is_shared => Wire::Http1,
            _ => wire,
        }
    }

    pub(crate) fn request(&mut self, by: usize, kind: Request, wire: Wire, caller: Named) -> Seen {
        let seen = self.lookup(by);
        let Seen::Session(context, session) = seen else {
            return seen;
        };
        let caller = caller.or(self.tasks[by].caller);
        let kept = match kind {
            Request::Read | Request::Service | Request::Ambient => {
                self.read(context, wire, caller);
                return seen;
            }
            Request::Redirected | Request::ByStranger => {
                self.facts_of("redirected", 2);
                // One hop of the second is the stranger's.
                let hops = if kind == Request::Redirected { 2 } else { 1 };
                self.sent(context, wire, hops);
                self.answers(context, wire);
                self.read(context, wire, caller);
                return seen;
            }
            Request::DropBody => {
                self.started(context, caller);
                self.sent(context, wire, 1);
                self.answered(context, wire);
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
                self.sent(context, wire, FOLLOWED as u64 + 1);
                self.answers(context, wire);
                self.facts_of("redirected", FOLLOWED);
                self.fact("request failed redirect_error");
                return seen;
            }
            Request::KeepBody => {
                self.sent(context, wire, 1);
                self.answered(context, wire);
                What::Body
            }
            Request::LeaveInFlight => {
                self.sent(context, wire, 1);
                What::InFlight(wire)
            }
            Request::Upgrade | Request::UpgradeResponse => {
                self.fact("request answered 101 HTTP/1.1 by a some connection");
                self.fact("upgraded other");
                What::Upgraded(wire.is_tls())
            }
            Request::WebSocket => self.opens_socket(context, usize::from(wire.is_tls()), false),
            Request::Beating => self.opens_socket(context, usize::from(wire.is_tls()), true),
            Request::Silent => {
                self.opens_socket(context, usize::from(wire.is_tls()), true);
                self.ended(What::Silent, "heartbeat_timeout", false);
                What::Silent
            }
        };
        self.started(context, caller);
        self.keep(context, session, kept);
        seen
    }

    pub(super) fn opens_socket(
        &mut self,
        context: ContextNo,
        server: usize,
        has_heartbeat: bool,
    ) -> What {
        self.fact("request answered 101 HTTP/1.1 by a some connection");
        self.fact("upgraded websocket");
        let answers = self.options(context).drains;
        What::Socket(Socket {
            answers,
            server,
            has_heartbeat,
        })
    }

    /// One that is answered, and read to its end.
    pub(super) fn read(&mut self, context: ContextNo, wire: Wire, caller: Named) {
        self.started(context, caller);
        self.sent(context, wire, 1);
        self.answered(context, wire);
        self.fact("body complete");
    }

    /// So many arrive at the server, whatever comes back.
    fn sent(&mut self, context: ContextNo, wire: Wire, count: u64) {
        self.arrived += count;
        let shared = &mut self.contexts[context].shared;
        if wire.is_http2() && !shared.contains_key(&wire) {
            shared.insert(wire, false);
            self.fact("shared connection opened");
        }
    }

    /// A response comes; returns whether one came before over its connection, where that is known.
    fn answers(&mut self, context: ContextNo, wire: Wire) -> Option<bool> {
        let has_answered = self.contexts[context].shared.get_mut(&wire)?;
        Some(std::mem::replace(has_answered, true))
    }

    fn answered(&mut self, context: ContextNo, wire: Wire) {
        let by = match self.answers(context, wire) {
            Some(true) => "HTTP/2.0 by a reused",
            Some(false) => "HTTP/2.0 by a new",
            None => "HTTP/1.1 by a some",
        };
        self.fact(&format!("request answered 200 {by} connection"));
    }

    pub(super) fn started(&mut self, context: ContextNo, caller: Named) {
        self.fact("request started");
        let context = &mut self.contexts[context];
        context.requests += 1;
        if let Some(caller) = caller {
            context.callers.entry(caller).or_default().0 += 1;
        }
    }
}

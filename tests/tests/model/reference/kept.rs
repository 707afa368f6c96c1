//! What a program keeps, and what becomes of it.

use http_context::LeakKind;
use http_context_tests::Wire;

use super::pools::Lent;
use super::{ContextNo, Phase, Reference, Seen};
use crate::op::{Named, Plain, Road};
use crate::peers::POOLED;

/// What a program comes to that waits for a heartbeat.
const BEAT: &str = "heartbeat answered";

/// Something that a program keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) context: ContextNo,
    pub(crate) session: usize,
    pub(crate) what: What,
    /// Whether the end of its session has ended it.
    pub(crate) is_cut: bool,
    /// Whether it has ended in the exit's leave-taking.
    took_leave: bool,
    /// Where it belongs to a pool of WebSockets.
    pub(crate) lent: Option<Lent>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Handle,
    Client,
    Plain,
    /// A body of a plain client.
    PlainBody,
    Body,
    InFlight(Wire),
    /// An upgraded connection, and whether it is over TLS.
    Upgraded(bool),
    Socket(Socket),
    /// A WebSocket that has ended, since its peer did not answer a ping.
    Silent,
    /// A pool of WebSockets, by its number.
    Pool(usize),
    /// The response of a server, whose context goes on with it.
    Served,
    /// What waits for the exit to begin.
    Closing,
}

/// A WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Socket {
    /// Whether its peer answers a Close frame.
    pub(crate) answers: bool,
    /// That it leads to, of the servers of WebSockets.
    pub(crate) server: usize,
    pub(crate) has_heartbeat: bool,
}

impl Kept {
    pub(super) fn new(context: ContextNo, session: usize, what: What) -> Self {
        Self {
            context,
            session,
            what,
            is_cut: false,
            took_leave: false,
            lent: None,
        }
    }

    /// Whether an exit waits for it.
    pub(super) fn is_on_its_way(&self) -> bool {
        let is_it = matches!(
            self.what,
            What::Body | What::InFlight(_) | What::Upgraded(_) | What::Socket(_)
        );
        is_it && !self.is_cut
    }
}

impl Reference {
    pub(crate) fn keep(&mut self, context: ContextNo, session: usize, what: What) {
        self.kept.push(Kept::new(context, session, what));
    }

    pub(crate) fn keep_closing(&mut self, by: usize) -> Seen {
        let Some(context) = self.tasks[by].bound() else {
            return Seen::Unbound;
        };
        self.keep(context, 0, What::Closing);
        Seen::Done
    }

    /// What is kept, and what waits in pools of WebSockets.
    fn all(&self) -> impl Iterator<Item = &Kept> {
        let idle = self.pools.iter().flat_map(|pool| &pool.idle);
        self.kept.iter().chain(idle)
    }

    /// Ends what is on its way of a context, and such; says what that was.
    fn mark_cut(
        &mut self,
        no: ContextNo,
        took_leave: bool,
        is_it: impl Fn(What) -> bool,
    ) -> Vec<What> {
        let idle = self.pools.iter_mut().flat_map(|pool| &mut pool.idle);
        let all = self.kept.iter_mut().chain(idle);
        let mut cut = Vec::new();
        for kept in all.filter(|kept| kept.context == no && kept.is_on_its_way()) {
            if is_it(kept.what) {
                (kept.is_cut, kept.took_leave) = (true, took_leave);
                cut.push(kept.what);
            }
        }
        for what in &cut {
            self.ended(*what, "exit", false);
        }
        cut
    }

    pub(super) fn kept_of(&self, no: ContextNo) -> impl Iterator<Item = &Kept> {
        self.all().filter(move |kept| kept.context == no)
    }

    /// How many of them are kept and live.
    pub(crate) fn live(&self, what: impl Fn(What) -> bool) -> u64 {
        let is_it = |kept: &&Kept| !kept.is_cut && what(kept.what);
        self.all().filter(is_it).count() as u64
    }

    /// How many connections plain clients have open.
    pub(crate) fn plain_connections(&self) -> u64 {
        let idle = self.contexts.iter().filter(|context| context.plain_is_idle);
        idle.count() as u64 + self.live(|what| what == What::PlainBody)
    }

    /// Cuts off what is on its way in a context; says what that was.
    pub(super) fn cut(&mut self, no: ContextNo) -> Vec<What> {
        self.mark_cut(no, false, |_| true)
    }

    /// WebSockets close with 1001; those whose peers answer have ended by that. A pool lets go of them.
    pub(super) fn say_farewell(&mut self, no: ContextNo) {
        let answers = |what| matches!(what, What::Socket(socket) if socket.answers);
        self.mark_cut(no, true, answers);
    }

    /// How many are kept that have ended in the exit's leave-taking.
    pub(super) fn farewelled(&self, no: ContextNo) -> usize {
        // What waits in a pool, that has let go of.
        let of_it = |kept: &&Kept| kept.context == no && kept.took_leave;
        self.kept.iter().filter(of_it).count()
    }

    /// Cuts off what the plain clients of a context have open; says how much somebody held.
    pub(super) fn cut_plain(&mut self, no: ContextNo) -> usize {
        // By a client of the last session: those of others are cut off.
        let last = self.contexts[no].sessions;
        let is_held = self
            .kept_of(no)
            .any(|kept| kept.what == What::Plain && kept.session == last);
        let is_idle = std::mem::take(&mut self.contexts[no].plain_is_idle);
        let mut held = usize::from(is_held && is_idle);
        let is_it = |kept: &&mut Kept| kept.context == no && kept.what == What::PlainBody;
        for kept in self.kept.iter_mut().filter(is_it) {
            held += usize::from(!std::mem::replace(&mut kept.is_cut, true));
        }
        held
    }

    /// The facts of something that ends.
    pub(super) fn ended(&mut self, what: What, by: &str, is_dropped: bool) {
        let (protocol, code) = match (what, by) {
            (What::Body, "exit") => return self.fact("body aborted"),
            (What::Body, "read") => return self.fact("body complete"),
            (What::Body, _) => return self.fact("body dropped"),
            (What::InFlight(_), "exit") => return self.fact("request failed session_closed"),
            (What::InFlight(_), _) => return self.fact("request cancelled"),
            (What::Upgraded(_), _) => ("other", None),
            (What::Socket(_), "remote") => ("websocket", Some(1008)),
            (What::Socket(_), "local") if !is_dropped => ("websocket", Some(1000)),
            (What::Socket(_) | What::Silent, _) => ("websocket", Some(1001)),
            _ => return,
        };
        let is_pooled = matches!(what, What::Socket(socket) if socket.server == POOLED);
        let (protocol, by, body) = match by {
            // At the exit of its owner the pool closes it, or the exit does: whoever is first.
            "exit" | "owner" if is_pooled => ("pooled", "owner", "of a pool"),
            _ if is_pooled => ("pooled", by, "of a pool"),
            "exit" => (protocol, by, "aborted"),
            _ => (protocol, by, "complete"),
        };
        self.fact(&format!("body {body}"));
        self.fact(&format!(
            "upgrade ended {protocol} {by} {is_dropped} {code:?}"
        ));
    }

    /// Whether a program is to wait for beats of what is used. It takes a while, and once is enough.
    pub(crate) fn awaits_beat(&mut self, at: usize) -> bool {
        let kept = self.kept[at];
        let is_beating = matches!(kept.what, What::Socket(socket) if socket.has_heartbeat);
        let is_it = is_beating && !kept.is_cut && !self.came_to.contains_key(BEAT);
        if is_it {
            self.comes_to(BEAT);
        }
        is_it
    }

    /// What was kept is used. A body, a request or a response is gone after it.
    pub(crate) fn use_kept(&mut self, at: usize, road: Road, wire: Wire) -> Seen {
        let Kept {
            context,
            session,
            what,
            is_cut,
            ..
        } = self.kept[at];
        let unless_cut = if is_cut {
            Seen::SessionClosed
        } else {
            Seen::Done
        };
        match what {
            What::Handle | What::Client => {
                if self.contexts[context].phase == Phase::Exited(true) {
                    match (what, road) {
                        // The client hands a clone of what it holds to each request.
                        (What::Client, _) => self.leak(LeakKind::ClientClone, 1),
                        // One for the ambient session, which clones it for the request.
                        (_, Road::Ambient) => self.leak(LeakKind::SessionHandle, 2),
                        _ => {}
                    }
                }
                let state = &self.contexts[context];
                if !state.has_session || state.sessions != session {
                    return Seen::SessionClosed;
                }
                self.read(context, wire, None);
                Seen::Session(context, session)
            }
            What::Body | What::InFlight(_) | What::PlainBody => {
                self.kept.remove(at);
                if !is_cut {
                    self.ended(what, "read", false);
                }
                unless_cut
            }
            What::Upgraded(_) | What::Socket(_) => unless_cut,
            What::Silent => {
                self.kept.remove(at);
                Seen::NotAnswered
            }
            What::Served => {
                let seen = self.lookup_in(context);
                self.kept.remove(at);
                self.begin_exit(context, http_context::Outcome::Completed);
                seen
            }
            What::Closing => Seen::Closing(!self.is_open(context)),
            What::Plain | What::Pool(_) => Seen::Done,
        }
    }

    /// A kept plain client is used; `None` where that is left out.
    pub(crate) fn use_plain(&mut self, at: usize, kind: Plain, caller: Named) -> Option<Seen> {
        let Kept {
            context, session, ..
        } = self.kept[at];
        let state = &self.contexts[context];
        let is_open = state.has_session && state.sessions == session;
        let is_draining = matches!(state.phase, Phase::Draining(_))
            && state.was_in_use
            && state.sessions == session;
        // Which of its connections it would take nobody knows; and nobody cuts them off at an exit that
        // looks for no leaks.
        let looks = state.options.looks_for_leaks;
        if state.plain_is_idle || (is_open && kind != Plain::Close && !looks) {
            return None;
        }
        if !is_open && !is_draining {
            return Some(Seen::SessionClosed);
        }
        // One that fails is one, for as long as its context is there to hear of it.
        let context_of = &mut self.contexts[context];
        context_of.plain_requests += 1;
        if let Some(caller) = caller {
            context_of.callers.entry(caller).or_default().1 += 1;
        }
        if is_draining {
            self.fact("plain request session_closed");
            return Some(Seen::SessionClosed);
        }
        match kind {
            Plain::Close => {}
            Plain::Stay => context_of.plain_is_idle = true,
            Plain::KeepBody => self.keep(context, session, What::PlainBody),
        }
        self.fact("plain request 200");
        Some(Seen::Session(context, session))
    }

    /// A kept upgraded connection is closed, and gone after it.
    pub(crate) fn close_kept(&mut self, at: usize, by_peer: bool) {
        let kept = self.kept.remove(at);
        let by = match kept.what {
            _ if !by_peer => "local",
            // TLS is to say that it ends, and this peer does not.
            What::Upgraded(true) => "failed",
            _ => "remote",
        };
        if !kept.is_cut {
            self.ended(kept.what, by, false);
        }
    }

    pub(crate) fn clone_kept(&mut self, at: usize) {
        let kept = self.kept[at];
        if self.contexts[kept.context].phase == Phase::Exited(true) {
            self.leak(LeakKind::SessionHandle, 1);
        }
        self.kept.push(kept);
    }

    pub(crate) fn drop_kept(&mut self, at: usize) {
        let kept = self.kept.remove(at);
        if !kept.is_cut && kept.what != What::Silent {
            self.ended(kept.what, "local", true);
        }
        if kept.what == What::Served {
            self.begin_exit(kept.context, http_context::Outcome::Cancelled);
        }
        if let What::Pool(pool) = kept.what {
            self.drop_pool(pool);
        }
    }
}

//! Weaker code, and the model that fails with it.

use std::fmt;

/// Code that is no longer what its threads rest on.
#[derive(Debug)]
pub(super) struct Weaker {
    /// In the sources of the core.
    pub(super) file: &'static str,
    pub(super) code: &'static str,
    pub(super) instead: &'static str,
    /// The model that fails, or a part of its path.
    pub(super) model: &'static str,
}

impl fmt::Display for Weaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let (code, instead) = (line(self.code), line(self.instead));
        write!(
            f,
            "{}: `{code}` as `{instead}`, for {}",
            self.file, self.model
        )
    }
}

pub(super) const WEAKER: &[Weaker] = &[
    Weaker {
        file: "leak/counts.rs",
        code: r"get_or_init(|| {
                self.claim(index);
",
        instead: r"get_or_init(|| {
                self.claim(index);
                let key = &self.counts[index].key;
                key.store(address_of(call_site), Ordering::Release);
",
        model: "what_is_held_at_a_new_call_site_is_reported_with_it",
    },
    Weaker {
        file: "leak/counts.rs",
        code: "key.load(Ordering::Acquire)",
        instead: "key.load(Ordering::Relaxed)",
        model: "what_is_held_at_a_new_call_site_is_reported_with_it",
    },
    Weaker {
        file: "leak/counts.rs",
        code: "key.store(address_of(call_site), Ordering::Release)",
        instead: "key.store(address_of(call_site), Ordering::Relaxed)",
        model: "what_is_held_at_a_new_call_site_is_reported_with_it",
    },
    Weaker {
        file: "leak/counts.rs",
        code: "fetch_or(REPORTED, Ordering::SeqCst)",
        instead: "fetch_or(REPORTED, Ordering::Relaxed)",
        model: "what_is_held_at_a_new_call_site_is_reported_with_it",
    },
    Weaker {
        file: "leak/counts.rs",
        code: "left = self.claimed.load(Ordering::SeqCst)",
        instead: "left = self.claimed.load(Ordering::Acquire)",
        model: "an_exit_sees_every_handle_that_was_given_where_it_is_the_first",
    },
    Weaker {
        file: "leak/counts.rs",
        code: "live.fetch_add(1, Ordering::SeqCst) & REPORTED",
        instead: "live.fetch_add(1, Ordering::AcqRel) & REPORTED",
        model: "an_exit_sees_every_handle_that_was_given",
    },
    Weaker {
        file: "leak/counts.rs",
        code: "fetch_sub(1, Ordering::SeqCst) & MARKS",
        instead: "fetch_sub(1, Ordering::Relaxed) & MARKS",
        model: "an_exit_that_waits_for_holders_is_woken",
    },
    Weaker {
        file: "leak/counts.rs",
        code: "(marks != 0).then",
        instead: "(marks & REPORTED != 0).then",
        model: "an_exit_that_waits_for_holders_is_woken",
    },
    Weaker {
        file: "leak/counts.rs",
        code: "marks & REPORTED != 0 && !index.is_late()",
        instead: "marks & REPORTED != 0",
        model: "what_is_reported_is_resolved_to_the_last_one",
    },
    Weaker {
        file: "session/sessions.rs",
        code: "from_raw(self.open.load(Ordering::SeqCst))",
        instead: "from_raw(self.open.load(Ordering::Acquire))",
        model: "an_exit_sees_every_handle_that_was_given",
    },
    Weaker {
        file: "session/sessions.rs",
        code: "compare_exchange(id.get(), 0, Ordering::SeqCst, Ordering::SeqCst)",
        instead: "compare_exchange(id.get(), 0, Ordering::AcqRel, Ordering::Acquire)",
        model: "an_exit_sees_every_handle_that_was_given",
    },
    Weaker {
        file: "session/lifecycle.rs",
        code: r"        let index = self.handles.acquire(call_site);
        let Some(id) = self.open_id() else {
            self.release_handle(index);
            return None;
        };
",
        instead: r"        let id = self.open_id()?;
        let index = self.handles.acquire(call_site);
",
        model: "an_exit_sees_every_handle_that_was_given",
    },
    Weaker {
        file: "exchange/open_upgrades.rs",
        code: r"        self.0.swap(false, Ordering::SeqCst);
        is_any_open() && self.is_wanted()
",
        instead: r"        let is_any_open = is_any_open();
        self.0.swap(false, Ordering::SeqCst);
        is_any_open && self.is_wanted()
",
        model: "while_any_is_open_one_looks_and_no_more",
    },
    Weaker {
        file: "exchange/open_upgrades.rs",
        code: "is_any_open() && self.is_wanted()",
        instead: "is_any_open()",
        model: "while_any_is_open_one_looks_and_no_more",
    },
    Weaker {
        file: "exchange/in_flight.rs",
        code: r"        let mut live = self.0.lock();
        if !is_open() {
            return None;
        }
",
        instead: r"        if !is_open() {
            return None;
        }
        let mut live = self.0.lock();
",
        model: "an_exit_sees_every_request_that_was_admitted",
    },
    Weaker {
        file: "context/http_context.rs",
        code: r"        fence(Ordering::SeqCst);
        Ok(sessions)",
        instead: r"        fence(Ordering::AcqRel);
        Ok(sessions)",
        model: "an_exit_sees_the_state_of_the_sessions_or_is_seen",
    },
    Weaker {
        file: "context/http_context.rs",
        code: r"        fence(Ordering::SeqCst);
        if let Some(sessions) = self.0.sessions.get() {",
        instead: r"        fence(Ordering::AcqRel);
        if let Some(sessions) = self.0.sessions.get() {",
        model: "an_exit_sees_the_state_of_the_sessions_or_is_seen",
    },
    Weaker {
        file: "wait_until.rs",
        code: r"        let change = changed.notified();
        tokio::pin!(change);
        // Listens before it looks, so that a change in between is heard.
        change.as_mut().enable();
        if holds() {
            return;
        }
",
        instead: r"        if holds() {
            return;
        }
        let change = changed.notified();
        tokio::pin!(change);
",
        model: "an_exit_that_waits_for_requests_is_woken",
    },
    Weaker {
        file: "exchange/state.rs",
        code: r"        if locked.is_aborted {
            locked.stage = Stage::Over;
            return false;
        }
",
        instead: "",
        model: "a_request_that_is_cut_off_while_it_is_polled_ends_once",
    },
    Weaker {
        file: "exchange/state.rs",
        code: r"        if locked.is_aborted {
            self.cut_off(locked);
        }
",
        instead: "",
        model: "a_request_that_is_cut_off_while_it_is_answered_ends_once",
    },
    Weaker {
        file: "exchange/state.rs",
        code: r"        locked.is_aborted = true;
        self.cut_off(locked);
",
        instead: r"        drop(locked);
        self.cut_off(self.lock());
        locked = self.lock();
        locked.is_aborted = true;
",
        model: "a_request_that_is_cut_off_while_it_is_polled_ends_once",
    },
    Weaker {
        file: "exchange/state.rs",
        code: r"        locked.stage = stage;
        if let Some(cx) = cx {
",
        instead: r"        locked.stage = stage;
        drop(locked);
        let mut locked = self.lock();
        if let Some(cx) = cx {
",
        model: "a_request_that_is_cut_off_while_it_is_polled_ends_once",
    },
    Weaker {
        file: "exchange/state.rs",
        code: r"        locked.stage = Stage::Aborted;
        let waker",
        instead: r"        drop(locked);
        let mut locked = self.lock();
        locked.stage = Stage::Aborted;
        let waker",
        model: "a_request_that_two_cut_off_ends_once",
    },
    Weaker {
        file: "exchange/state.rs",
        code: r"        if self.lock().is_released {
            self.resolve();
        }
",
        instead: "",
        model: "a_body_that_is_dropped_while_two_end_it_is_reported_and_resolved",
    },
    Weaker {
        file: "exchange/upgraded.rs",
        code: r"            waker.wake();
",
        instead: r"            drop(waker);
",
        model: "an_upgraded_connection_that_is_cut_off_while_it_is_read_ends_once",
    },
    Weaker {
        file: "exit/driver.rs",
        code: r"            self.defer(context.scope());
            self.leaks.extend(sessions.mark_holders_leaked());
",
        instead: r"            self.leaks.extend(sessions.mark_holders_leaked());
            self.defer(context.scope());
",
        model: "exit::driver::models",
    },
    Weaker {
        file: "exit/driver.rs",
        code: r"            self.defer(context.scope());
            find::living(context, &mut self.leaks);
",
        instead: r"            find::living(context, &mut self.leaks);
            self.defer(context.scope());
",
        model: "exit::driver::models",
    },
    Weaker {
        file: "pool/counts.rs",
        code: r"        let mut sequence = self.sequence.lock();
        *sequence += 1;
        PoolStatus {
            pool: self.id,
            max_size: self.max_size,
            used: self.used.load(Ordering::Acquire),
",
        instead: r"        let used = self.used.load(Ordering::Acquire);
        let mut sequence = self.sequence.lock();
        *sequence += 1;
        PoolStatus {
            pool: self.id,
            max_size: self.max_size,
            used,
",
        model: "the_greatest_sequence_has_the_last_counts",
    },
    Weaker {
        file: "pool/counts.rs",
        code: "!is_moving() && self.used.load(Ordering::Acquire) == 0 && !is_moving()",
        instead: "!is_moving() && self.used.load(Ordering::Acquire) == 0",
        model: "pool::models",
    },
    Weaker {
        file: "pool/counts.rs",
        code: "!is_moving() && self.used.load(Ordering::Acquire) == 0 && !is_moving()",
        instead: "self.used.load(Ordering::Acquire) == 0",
        model: "pool::models",
    },
    Weaker {
        file: "pool/checkout.rs",
        code: r"        let _moving = Moving::begin(counts);
        counts.left_used();
",
        instead: r"        counts.left_used();
        let _moving = Moving::begin(counts);
",
        model: "pool::models",
    },
    Weaker {
        file: "pool/checkout.rs",
        code: "let closing = self.pool.0.closing.lock();",
        instead: r"let own = parking_lot::Mutex::new(());
        let closing = own.lock();",
        model: "pool::models",
    },
    Weaker {
        file: "connection/registry.rs",
        code: "std::mem::replace(&mut entry.is_gone, true)",
        instead: "entry.is_gone",
        model: "each_of_two_connections_with_one_pair_of_addresses",
    },
    Weaker {
        file: "connection/registry.rs",
        code: r"        if connection.is_awaited() {
            let look",
        instead: r"        if !connection.is_reported() {
            let look",
        model: "a_connection_that_is_gone_while_its_response_ends_is_reported_once",
    },
    Weaker {
        file: "connection/connection.rs",
        code: r"        if state.is_reported {
            return;
        }
",
        instead: "",
        model: "connection::registry::models",
    },
    Weaker {
        file: "connection/connection.rs",
        code: r"        if state.gone.is_some() {
            return Gone::Before;
        }
",
        instead: "",
        model: "connection::registry::models",
    },
    Weaker {
        file: "connection/awaits_head.rs",
        code: "if self.0.end_awaiting() {",
        instead: "if !self.0.end_awaiting() {",
        model: "connection::registry::models",
    },
    Weaker {
        file: "websocket/shared.rs",
        code: r"            self.wakers.wait(polls, cx.waker());
            (state",
        instead: "            (state",
        model: "a_websocket_that_is_cut_off_while_it_is_read_ends_once",
    },
    Weaker {
        file: "websocket/shared.rs",
        code: r"        self.control.let_go();
",
        instead: "",
        model: "a_websocket_that_its_holder_drops_is_kept_by_nobody_once_it_has_ended",
    },
];

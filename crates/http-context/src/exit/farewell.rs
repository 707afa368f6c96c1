//! Upgraded connections whose protocol is ours take leave of their peers when an exit begins.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;

use futures_util::stream::{FuturesUnordered, StreamExt as _};

use super::find;
use crate::context::HttpContext;
use crate::exchange::Exchange;
use crate::facts::Leak;

/// Those that took leave.
#[derive(Default)]
pub(super) struct Farewells(Vec<Arc<Exchange>>);

impl Farewells {
    /// All of them at once, without waiting.
    pub(super) fn say(context: &HttpContext) -> Self {
        let Some(sessions) = context.sessions_if_any() else {
            return Self::default();
        };
        let mut all = sessions.requests.all();
        all.retain(|exchange| match exchange.farewell() {
            Some(farewell) => {
                farewell.say();
                true
            }
            None => false,
        });
        Self(all)
    }

    /// Waits until their peers have answered.
    pub(super) async fn answered(&self) {
        let farewells = self.0.iter().filter_map(|exchange| exchange.farewell());
        let answers = farewells.map(|farewell| poll_fn(move |cx| farewell.poll_answered(cx)));
        let mut answers: FuturesUnordered<_> = answers.collect();
        while answers.next().await.is_some() {}
    }

    /// Whether someone holds one that has ended by that.
    pub(super) fn any_kept(&self) -> bool {
        self.0.iter().any(|exchange| exchange.is_kept())
    }

    /// Marks those that someone holds as leaked, and adds them to the leaks.
    pub(super) fn mark_kept(&self, leaks: &mut Vec<Leak>) {
        for leak in self.0.iter().filter_map(|exchange| exchange.mark_kept()) {
            find::merge(leaks, leak);
        }
    }
}

impl fmt::Debug for Farewells {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Farewells").field(&self.0.len()).finish()
    }
}

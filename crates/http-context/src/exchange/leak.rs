//! A request or a body that was still there at the drain deadline.

use std::sync::atomic::Ordering;

use super::state::{Exchange, Stage};
use crate::facts::{Leak, LeakKind};

/// The values of `reported`.
const NOT_REPORTED: u8 = 0;
const REQUEST: u8 = 1;
const BODY: u8 = 2;

impl Exchange {
    /// Marks it as leaked. Returns the leak, which is to be reported.
    pub(super) fn mark_leaked(&self) -> Leak {
        let reported = match self.lock().stage {
            Stage::Body(_) | Stage::PollingBody { .. } => BODY,
            _ => REQUEST,
        };
        self.driver.reported.store(reported, Ordering::Release);
        self.leak_of(reported)
    }

    fn leak_of(&self, reported: u8) -> Leak {
        let kind = if reported == BODY {
            LeakKind::ResponseBody
        } else {
            LeakKind::RequestInFlight
        };
        let info = &self.info;
        let age = info.started.elapsed();
        let mut leak = self.scope().leak(kind, Some(info.call_site), age);
        leak.detail = Some(format!("{} {}", info.method, info.origin));
        leak.backtrace.clone_from(&info.backtrace);
        leak
    }

    /// The holder of its future lets go of it.
    pub(super) fn resolve_request(&self) {
        self.resolve_if(|reported| reported == REQUEST);
    }

    /// The holder of its body lets go of it.
    pub(super) fn resolve(&self) {
        self.resolve_if(|_| true);
    }

    fn resolve_if(&self, is_ours: impl Fn(u8) -> bool) {
        let reported = self.driver.reported.load(Ordering::Acquire);
        if reported != NOT_REPORTED && is_ours(reported) {
            self.driver.reported.store(NOT_REPORTED, Ordering::Release);
            self.scope().report_resolved(&self.leak_of(reported));
        }
    }
}

//! A request or a body that was still there at the drain deadline.

use std::sync::atomic::Ordering;

use super::{Exchange, Stage};
use crate::leak::{Leak, LeakKind};

/// The values of `told`.
pub(super) const NOT_TOLD: u8 = 0;
pub(super) const TOLD_REQUEST: u8 = 1;
const TOLD_BODY: u8 = 2;

impl Exchange {
    /// It is about to be told as leaked.
    pub(crate) fn set_told(&self) {
        let told = match self.try_lock().as_deref() {
            Some(Stage::Body { .. }) => TOLD_BODY,
            _ => TOLD_REQUEST,
        };
        self.told.store(told, Ordering::Release);
    }

    /// What it was told as leaked as.
    pub(crate) fn leak(&self) -> Leak {
        self.leak_of(self.told.load(Ordering::Acquire))
    }

    fn leak_of(&self, told: u8) -> Leak {
        let kind = if told == TOLD_BODY {
            LeakKind::ResponseBody
        } else {
            LeakKind::RequestInFlight
        };
        let info = &self.info;
        let mut leak = info
            .context
            .leak(kind, Some(info.place), info.started.elapsed());
        leak.detail = Some(format!("{} {}", info.method, info.host));
        leak.backtrace.clone_from(&info.backtrace);
        leak
    }

    /// Its holder lets go: tells so, if it was told as leaked.
    pub(super) fn resolve(&self, is_ours: impl Fn(u8) -> bool) {
        let told = self.told.load(Ordering::Acquire);
        if told != NOT_TOLD && is_ours(told) {
            self.told.store(NOT_TOLD, Ordering::Release);
            self.info.context.tell_resolved(&self.leak_of(told));
        }
    }
}
